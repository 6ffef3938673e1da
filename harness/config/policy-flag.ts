import type { InputIssue } from '../base/errors.ts';
import { parseAssignment } from './overrides.ts';

/** What one `--policy` asks for: a stack around one policy. */
export interface PolicyFlag {
  /** Name of the stack; the policy's own where it is not given. */
  readonly alias: string | undefined;
  /** A built-in name, a path, or a package. */
  readonly use: string;
  readonly params: Readonly<Record<string, unknown>>;
}

const form = /^(?:([A-Za-z][A-Za-z0-9_-]*)=)?([^?]+)(?:\?(.*))?$/s;

/**
 * Reads the text of a `--policy` flag: `name`, `./file.ts`, `alias=./file.ts?threshold=0.9&mode=fast`. Values are YAML. Returns what is
 * wrong with it, all at once.
 */
export function parsePolicyFlag(text: string): PolicyFlag | { readonly issues: readonly InputIssue[] } {
  const source = `--policy ${text}`;
  const [, alias, use, query] = form.exec(text) ?? [];
  if (use === undefined) {
    const message = 'expected a policy, as in --policy eager=./my-policy.ts?threshold=0.9';
    return { issues: [{ source, path: '', message }] };
  }
  const issues: InputIssue[] = [];
  const params = new Map<string, unknown>();
  for (const pair of query?.split('&') ?? []) {
    const parsed = parseAssignment(pair, source);
    if ('message' in parsed) {
      issues.push(parsed);
      continue;
    }
    const name = parsed.path.join('.');
    if (params.has(name)) issues.push({ source, path: name, message: 'the parameter is given twice' });
    params.set(name, parsed.value);
  }
  return issues.length > 0 ? { issues } : { alias, use, params: Object.fromEntries(params) };
}
