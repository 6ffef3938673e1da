import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bench, readResults } from '../e2e/bench.ts';
import { createWorkspace, plugins } from './workspace.ts';

const workspace = createWorkspace();

const misbehaviours = [
  ['throws-in-create', /policy "throws-in-create" failed in create: thrown in create/],
  ['throws-in-dispatch', /policy "throws-in-dispatch" failed in dispatch: thrown in dispatch .*request 0/],
  ['answers-nonsense', /"answers-nonsense" failed in dispatch: .*teleport/],
  ['loops-in-create', /policy "loops-in-create" failed in create: did not return within 400 ms/],
  ['loops-in-dispatch', /policy "loops-in-dispatch" failed in dispatch: did not return within 400 ms/],
] as const;

describe('a policy that misbehaves fails its own cells', { timeout: 60_000 }, () => {
  it('each with its name and moment, and the others go on', async () => {
    const out = workspace.path('mixed');
    const stacks = misbehaviours.map(
      ([name]) => `${name}: [${join(plugins, `${name}.ts`)}, least-loaded, recompute]`,
    );
    const policies = `{ ${[...stacks, 'recompute: [least-loaded, recompute]'].join(', ')} }`;
    const config = workspace.config({ policies, baseline: 'recompute' });
    const result = await bench(['--config', config, '--output-dir', out]);
    expect(result.exitCode, result.stderr).toBe(1);
    const { manifest, summary } = readResults(out);
    for (const [name, says] of misbehaviours) {
      const cell = manifest.cells.find(({ policy }) => policy === name);
      expect(cell?.status, name).toBe('failed');
      expect(cell?.error).toMatch(says);
      expect(result.stderr).toMatch(says);
      expect(existsSync(join(out, 'cells', `${name}-s1`))).toBe(false);
    }
    expect(summary.cells.map(({ policy }) => policy)).toEqual(['recompute']);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
  });

  it.concurrent.each([
    ['throws-in-dispatch', /FAIL .*thrown in dispatch/],
    ['loops-in-dispatch', /FAIL .*did not return within 5000 ms/],
    ['throws-at-load', /FAIL .*thrown while loading/],
  ] as const)('check-policy shows what is wrong with %s', async (name, says) => {
    const result = await bench(['check-policy', join(plugins, `${name}.ts`)]);
    expect(result.stdout).toMatch(says);
    expect(result.stdout).toMatch(/\d+ passed, [1-9]\d* failed/);
    expect(result.exitCode).toBe(1);
  });
});
