import { beforeAll, describe, expect, it } from 'vitest';
import { bench } from '../e2e/bench.ts';
import { createWorkspace, lengths } from './workspace.ts';

const workspace = createWorkspace();
const [before, slower] = [workspace.path('before'), workspace.path('slower')];

// Enough load that a second instance is missed.
const load = {
  repeats: '3',
  workload: `{ kind: poisson, durationS: 3, rate: 120, ${lengths} }`,
  policies: '{ recompute: [least-loaded, recompute], swap: [least-loaded, swap, recompute] }',
};

describe('bench compare', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    const run = ['--config', workspace.config(load), '--quiet', '--output-dir'];
    const ended = await Promise.all([
      bench([...run, before]),
      bench([...run, slower, '--set', 'cluster.instances=1']),
    ]);
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  });

  it.concurrent('says what has changed and what is surely worse, and fails where that is asked for', async () => {
    const { stdout, exitCode } = await bench(['compare', before, slower]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('config.cluster.numInstances 2 -> 1');
    expect(stdout).toMatch(/^recompute +TTFT mean .* -> .*× \(95 %: .*\) +worse$/m);
    const failing = await bench([
      'compare',
      before,
      slower,
      '--fail-on',
      'worse',
      '--metric',
      'mean_ttft_ms',
    ]);
    expect(failing.exitCode).toBe(99);
    expect(failing.stdout).toContain('2 comparisons: 2 worse');
  });

  it.concurrent('fails on better ones only where any difference is asked for', async () => {
    const worse = await bench(['compare', slower, before, '--fail-on', 'worse', '--metric', 'mean_ttft_ms']);
    expect(worse.exitCode).toBe(0);
    const different = ['compare', slower, before, '--fail-on', 'different', '--metric', 'mean_ttft_ms'];
    expect((await bench(different)).exitCode).toBe(99);
  });

  it.concurrent('finds nothing between a run and itself', async () => {
    const { stdout, exitCode } = await bench([
      'compare',
      before,
      before,
      '--format',
      'json',
      '--fail-on',
      'different',
    ]);
    expect(exitCode).toBe(0);
    const { changes, seeds, comparisons } = JSON.parse(stdout) as {
      changes: object[];
      seeds: number[];
      comparisons: { stack: string; before: number; after: number }[];
    };
    expect(changes).toEqual([]);
    expect(seeds).toEqual([1, 2, 3]);
    expect(comparisons.map((one) => one.before)).toEqual(comparisons.map((one) => one.after));
  });

  it.concurrent.each([
    [
      'a folder that is none',
      ['compare', before, workspace.path('nowhere')],
      /nowhere.*not a results folder/,
    ],
    [
      'an unknown metric',
      ['compare', before, before, '--metric', 'p99_tftt_ms'],
      /p99_tftt_ms.*"p99_ttft_ms"/,
    ],
    ['one folder alone', ['compare', before], /not enough|non-option arguments/i],
  ])('refuses %s', async (_, args, message) => {
    const { stderr, exitCode } = await bench(args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});
