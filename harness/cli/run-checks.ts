import { InputError, PolicyError } from '../base/errors.ts';
import { applyOverrides, parseOverride } from '../config/overrides.ts';
import type { Check } from '../conformance/index.ts';
import { WorkerPool } from '../run/worker-pool.ts';

/**
 * Runs the conformance suite in a separate process, so that a policy that never returns fails the suite and
 * nothing else.
 */
export async function runChecks(
  file: string,
  params: Readonly<Record<string, unknown>>,
): Promise<readonly Check[]> {
  const pool = new WorkerPool();
  try {
    const checks = await pool.run('conformance', { file, cwd: process.cwd(), params });
    return checks.length > 0 ? checks : [{ name: 'runs the checks', status: 'failed', detail: nothingRan }];
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return [{ name: 'loads, and comes back from every call', status: 'failed', detail: error.message }];
  } finally {
    pool.close();
  }
}

/** Returns the parameters that `--set NAME=VALUE` gives. Throws an `InputError` for a text that says no such thing. */
export function paramsOf(texts: readonly string[]): Readonly<Record<string, unknown>> {
  const parsed = texts.map(parseOverride);
  const issues = parsed.filter((each) => 'message' in each);
  if (issues.length > 0) throw new InputError(issues);
  const overrides = parsed.filter((each) => 'value' in each);
  const { value, issues: blocked } = applyOverrides({}, overrides);
  if (blocked.length > 0) throw new InputError(blocked);
  return value as Readonly<Record<string, unknown>>;
}

const nothingRan = 'not one gave a result: the policy has broken what all code of its process shares';

export function formatChecks(checks: readonly Check[]): string {
  const lines = checks.map(({ name, status, detail }) => {
    const mark = status === 'passed' ? 'ok  ' : 'FAIL';
    return `${mark}  ${name}: ${detail}`;
  });
  const numFailed = checks.filter(({ status }) => status === 'failed').length;
  return [...lines, '', `${checks.length - numFailed} passed, ${numFailed} failed`].join('\n');
}
