import { placeOf } from './place-of.ts';

/** One mistake in the user's input. Issues are collected, so that all are shown at once. */
export interface InputIssue {
  /** File, `--set` or flag from which the value came. */
  readonly source: string;
  /** Dotted path inside the source; empty for the whole. */
  readonly path: string;
  /** Position inside the source, from 1, if known. */
  readonly line?: number;
  readonly column?: number;
  /** One sentence: what is wrong, and what was expected. */
  readonly message: string;
  /** The nearest valid name, or another remedy. */
  readonly hint?: string;
}

/** Bad input: the command ends with exit code 2 before anything has run. */
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

/**
 * The machine lacks something (compiler, disk space, library). Exit code 1; the message comes with a remedy.
 */
export class EnvironmentError extends Error {
  readonly code = 'environment';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EnvironmentError';
    this.remedy = remedy;
  }
}

/**
 * A policy misbehaved. Its cell fails, with the policy, the moment, the input and, where the policy has thrown the cause, the line of its source
 * in the message.
 */
export class PolicyError extends Error {
  readonly code = 'policy';
  readonly policy: string;
  readonly moment: string;

  constructor(policy: string, moment: string, message: string, options?: ErrorOptions) {
    const place = placeOf(options?.cause);
    const at = place === undefined ? '' : ` at ${place}`;
    super(`policy "${policy}" failed in ${moment}: ${message}${at}`, options);
    this.name = 'PolicyError';
    this.policy = policy;
    this.moment = moment;
  }
}

/** A bug of our own: an invariant does not hold. The message has what is needed to reproduce it. */
export class InvariantError extends Error {
  readonly code = 'invariant';
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = 'InvariantError';
    this.invariant = invariant;
  }
}

/** Formats an issue as `file:line:column: path: message (hint)`. */
export function formatIssue(issue: InputIssue): string {
  const position = issue.line === undefined ? '' : `:${issue.line}:${issue.column ?? 1}`;
  const path = issue.path === '' ? '' : ` ${issue.path}:`;
  const hint = issue.hint === undefined ? '' : ` (${issue.hint})`;
  return `${issue.source}${position}:${path} ${issue.message}${hint}`;
}

/** Returns the code of a failed system call, such as `ENOENT`; `undefined` for other errors. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Returns the message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
