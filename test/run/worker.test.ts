import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { EnvironmentError, InputError, PolicyError } from '../../harness/base/errors.ts';
import { WorkerPool } from '../../harness/run/worker-pool.ts';
import { packError, unpackError } from '../../harness/run/worker-protocol.ts';

const dir = mkdtempSync(join(tmpdir(), 'servebench-worker-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('an error on its way from a worker', () => {
  it.each([
    new InputError({ source: 'a.yaml', path: 'seed', message: 'expected a number', line: 3 }),
    new EnvironmentError('no compiler', 'install one'),
    new PolicyError('swap', 'onSchedule', 'thrown'),
    new TypeError('our own mistake'),
  ])('$name stays what it was', (error: Error) => {
    const arrived = unpackError(structuredClone(packError(error)));
    expect(arrived.message).toBe(error.message);
    if (!(error instanceof TypeError)) expect(arrived).toBeInstanceOf(error.constructor);
    if (error instanceof EnvironmentError) expect(arrived).toMatchObject({ remedy: error.remedy });
    if (error instanceof InputError) expect(arrived).toMatchObject({ issues: error.issues });
  });

  it('keeps the code of a system error, which tells a full disk from a mistake', () => {
    const error = Object.assign(new Error('write failed'), { code: 'ENOSPC', syscall: 'write' });
    expect(unpackError(packError(error))).toMatchObject({ code: 'ENOSPC' });
  });
});

/** A plug-in outside of any package: it has no `node_modules` and no `package.json` that says "module". */
function writePlugin(file: string, body: string): string {
  const text = `
    import { definePolicy } from 'servebench/policy';
    import { z } from 'zod';
    const numRuns: number = 1;
    export default definePolicy({ name: 'far-away', family: 'other', summary: 'Far away.', params: z.strictObject({}),
      capabilities: {}, create: () => (${body}) });`;
  writeFileSync(join(dir, file), text);
  return `./${file}`;
}

describe('a worker', { timeout: 60_000 }, () => {
  const pool = new WorkerPool();
  afterEach(() => pool.close());

  it('loads a plug-in from anywhere and runs the conformance suite on it', async () => {
    const checks = await pool.run('conformance', {
      file: writePlugin('empty.ts', '{}'),
      cwd: dir,
      params: {},
    });
    expect(checks.filter(({ status }) => status === 'failed')).toEqual([]);
  });

  it('that a policy never lets go of is ended, and the next task gets a fresh one', async () => {
    const stuck = pool.run('conformance', {
      file: writePlugin('stuck.ts', '{ order: () => { for (;;); } }'),
      cwd: dir,
      params: {},
    });
    await expect(stuck).rejects.toThrow('policy "far-away" failed in order: did not return within 5000 ms');
    const checks = await pool.run('conformance', { file: 'recompute', cwd: dir, params: {} });
    expect(checks.every(({ status }) => status === 'passed')).toBe(true);
  });
});
