import { PolicyError } from '../base/errors.ts';
import type { Check } from '../conformance/index.ts';
import { WorkerPool } from '../run/worker-pool.ts';

/**
 * Runs the conformance suite in a separate process, so that a policy that never returns fails the suite and
 * nothing else.
 */
export async function runChecks(file: string): Promise<readonly Check[]> {
  const pool = new WorkerPool();
  try {
    return await pool.run('conformance', { file, cwd: process.cwd() });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return [{ name: 'loads, and comes back from every call', status: 'failed', detail: error.message }];
  } finally {
    pool.close();
  }
}

export function formatChecks(checks: readonly Check[]): string {
  const lines = checks.map(({ name, status, detail }) => {
    const mark = status === 'passed' ? 'ok  ' : 'FAIL';
    return `${mark}  ${name}: ${detail}`;
  });
  const numFailed = checks.filter(({ status }) => status === 'failed').length;
  return [...lines, '', `${checks.length - numFailed} passed, ${numFailed} failed`].join('\n');
}
