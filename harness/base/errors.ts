/** One thing wrong with what the user gave us. Issues are collected, so that all are shown at once. */
export interface InputIssue {
  /** File, `--set` or flag that the value came from. */
  readonly source: string;
  /** Dotted path inside the source, `''` for the whole. */
  readonly path: string;
  /** 1-based position inside the source, where known. */
  readonly line?: number;
  readonly column?: number;
  /** What is wrong and what was expected, one sentence. */
  readonly message: string;
  /** Nearest valid name, or the way out. */
  readonly hint?: string;
}

/** Bad input: the command ends with exit code 2 and nothing has been run. */
export class InputError extends Error {
  readonly code = 'input';
  readonly issues: readonly InputIssue[];

  constructor(issues: readonly InputIssue[] | InputIssue, options?: ErrorOptions) {
    const list = 'message' in issues ? [issues] : issues;
    super(list.map(formatIssue).join('\n'), options);
    this.name = 'InputError';
    this.issues = list;
  }
}

/** The machine lacks something (compiler, disk space, library): exit code 1, with the remedy. */
export class EnvironmentError extends Error {
  readonly code = 'environment';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EnvironmentError';
    this.remedy = remedy;
  }
}

/** A policy misbehaved: its cell fails and names the policy, the moment and the input. */
export class PolicyError extends Error {
  readonly code = 'policy';
  readonly policy: string;
  readonly moment: string;

  constructor(policy: string, moment: string, message: string, options?: ErrorOptions) {
    super(`policy "${policy}" failed in ${moment}: ${message}`, options);
    this.name = 'PolicyError';
    this.policy = policy;
    this.moment = moment;
  }
}

/** Our own bug: an invariant does not hold. Carries what is needed to reproduce it. */
export class InvariantError extends Error {
  readonly code = 'invariant';
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = 'InvariantError';
    this.invariant = invariant;
  }
}

/** `file:line:column: path: message (hint)`. */
export function formatIssue(issue: InputIssue): string {
  const position = issue.line === undefined ? '' : `:${issue.line}:${issue.column ?? 1}`;
  const path = issue.path === '' ? '' : ` ${issue.path}:`;
  const hint = issue.hint === undefined ? '' : ` (${issue.hint})`;
  return `${issue.source}${position}:${path} ${issue.message}${hint}`;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
