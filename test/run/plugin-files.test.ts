import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { EnvironmentError, InputError, PolicyError } from '../../harness/base/errors.ts';
import type { RunPlan } from '../../harness/run/plan.ts';
import { WorkerPool } from '../../harness/run/worker-pool.ts';
import { createPluginCells } from './plugin-cells.ts';

const cells = createPluginCells();
const pool = new WorkerPool();
afterAll(() => pool.close());

/** Plans a run of the tiny configuration with this text as a plug-in in front of its stack. */
function plan(text: string, file = 'plugin.js'): Promise<RunPlan> {
  cells.write(file, text);
  const config = cells.write(
    'plan.yaml',
    `model: tiny-llama
cluster: { instances: 1, hardware: laptop-cell }
execution: { mode: simulate }
workload: { kind: poisson, durationS: 1, rate: 5, promptTokens: { dist: constant, tokens: 8 }, outputTokens: { dist: constant, tokens: 8 } }
slo: { ttftMs: 500 }
policies: { mine: [least-loaded, ./${file}, recompute] }`,
  );
  const request = {
    kind: 'file',
    file: config,
    cwd: cells.dir,
    overrides: [],
    flags: { policies: [] },
  } as const;
  return pool.run('plan', request);
}

function definition(changes: string): string {
  return `import { definePolicy } from 'servebench/policy';
import { z } from 'zod';
export default definePolicy({ name: 'mine', family: 'other', summary: 'A test.', params: z.strictObject({}),
  capabilities: {}, create: () => ({}), ${changes} });`;
}

describe('a plug-in in plain JavaScript', { timeout: 60_000 }, () => {
  it('is a module by what is in it, without any package.json', async () => {
    const { stacks } = await plan(definition(''));
    expect(stacks[0]?.policies.map(({ name }) => name)).toEqual(['least-loaded', 'mine', 'recompute']);
  });

  it.each([
    [`family: 'kv'`, /family must be one of .* got "kv"/],
    [`name: '../../x'`, /name must be kebab-case/],
    [`capabilities: { preempts: ['magic'] }`, /preempts must be a list of/],
  ])('with %s is refused before anything runs', async (changes, says) => {
    const refused = plan(definition(changes));
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(says);
  });

  it('that is called like another of its stack is refused', async () => {
    await expect(plan(definition(`name: 'recompute'`))).rejects.toThrow(
      'policies: mine: two policies of the stack are called "recompute"',
    );
  });

  it.each([
    ['process.exit(3);', InputError, /failed in import: calls process\.exit\(3\)/],
    [
      'setTimeout(() => { throw new Error("too late"); }, 1);',
      PolicyError,
      /a timer or promise of its own: too late/,
    ],
  ])('that fails while it loads is told by name: %s', async (top, kind, says) => {
    const refused = plan(`${definition('')}\n${top}`);
    await expect(refused).rejects.toThrow(kind);
    await expect(refused).rejects.toThrow(says);
  });
});

it('a plug-in with an edited helper runs in no further cell', { timeout: 60_000 }, async () => {
  cells.write('helper.js', 'export const one = 1;');
  const { config } = await plan(`export { one } from './helper.js';\n${definition('')}`);
  cells.write('helper.js', 'export const one = 2;');
  const job = { id: 'mine-s1', config, stackName: 'mine', seed: 1, dir: cells.dir };
  const refused = pool.run('cell', job);
  await expect(refused).rejects.toThrow(EnvironmentError);
  await expect(refused).rejects.toThrow(
    /\.\/plugin\.js, or a file that it imports, is not what it was when the run began/,
  );
});

it('a tsconfig.json of the working folder leads none of our own imports elsewhere', {
  timeout: 60_000,
}, () => {
  const dir = join(cells.dir, 'project');
  mkdirSync(dir);
  cells.write('project/hijack.ts', 'throw new Error("hijacked");');
  const paths = Object.fromEntries(
    ['zod', 'yaml', 'yargs', 'p-queue'].map((name) => [name, ['./hijack.ts']]),
  );
  cells.write('project/tsconfig.json', JSON.stringify({ compilerOptions: { baseUrl: '.', paths } }));
  const bin = fileURLToPath(new URL('../../harness/cli/bin.js', import.meta.url));
  const result = spawnSync(process.execPath, [bin, 'check-policy', 'recompute'], {
    cwd: dir,
    encoding: 'utf8',
  });
  expect(result.stderr).toBe('');
  expect(result.status).toBe(0);
  expect(existsSync(join(dir, 'results'))).toBe(false);
});
