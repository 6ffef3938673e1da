import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import type { SweepResult } from '../../harness/sweep/compare-points.ts';
import { bench } from '../e2e/bench.ts';
import { createWorkspace, lengths } from './workspace.ts';

const workspace = createWorkspace();

// The batch size decides how long requests queue.
const config = workspace.config({
  repeats: '2',
  workload: `{ kind: poisson, durationS: 2, rate: 150, ${lengths} }`,
  policies: '{ recompute: [least-loaded, recompute], swap: [least-loaded, swap, recompute] }',
});

const sweep = (dir: string, ...more: readonly string[]): string[] => [
  'sweep',
  '--config',
  config,
  '--output-dir',
  dir,
  '--quiet',
  ...more,
];

function resultOf(dir: string): SweepResult {
  return JSON.parse(readFileSync(join(dir, 'sweep.json'), 'utf8')) as SweepResult;
}

/** Everything that a sweep must repeat to the byte. */
function bytesOf(dir: string): Readonly<Record<string, string>> {
  const files = (readdirSync(dir, { recursive: true }) as string[]).filter((name) =>
    /(sweep\.json|requests\.jsonl|decisions\.jsonl|summary\.json)$/.test(name),
  );
  return Object.fromEntries(files.toSorted().map((name) => [name, readFileSync(join(dir, name), 'utf8')]));
}

describe('bench sweep', { timeout: 120_000 }, () => {
  const dir = workspace.path('sweep');

  beforeAll(async () => {
    const { exitCode, stderr } = await bench(sweep(dir, '--over', 'engine.maxRunning=2,64'));
    expect(exitCode, stderr).toBe(0);
  });

  it('has figures of every point and stack, and says what is surely worse', () => {
    const { points, seeds, stacks, axes } = resultOf(dir);
    expect(axes).toEqual([{ path: 'engine.maxRunning', values: [2, 64] }]);
    expect(points.map(({ name }) => name)).toEqual(['maxRunning=2', 'maxRunning=64']);
    expect(seeds).toEqual([1, 2]);
    expect(stacks.map(({ stack }) => stack)).toEqual(['recompute', 'swap']);
    for (const { default: own, points: figures, best } of stacks) {
      const [small, large] = figures;
      expect(small?.against_default).toMatchObject({ verdict: 'worse' });
      expect(small?.figures.p99_ttft_ms?.mean).toBeGreaterThan(2 * (own.p99_ttft_ms?.mean ?? 0));
      expect(large?.against_default?.verdict).not.toBe('worse');
      expect(best).not.toBe('maxRunning=2');
    }
  });

  it('runs only what is new when a value is added', async () => {
    const cell = join(dir, 'points/maxRunning=2/cells/recompute-s1');
    const madeMs = statSync(cell).mtimeMs;
    const { exitCode, stdout } = await bench(sweep(dir, '--resume', '--over', 'engine.maxRunning=2,4,64'));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/maxRunning=4 +[\d,.]+ ms/);
    expect(statSync(cell).mtimeMs).toBe(madeMs);
    expect(resultOf(dir).points).toHaveLength(3);
  });

  it('runs of each point only the stacks that it changes, and nothing where it changes none', async () => {
    const own = workspace.path('one-stack');
    const over = ['--over', 'policies.swap.swap.params.linkShare=0.5,1', '--metric', 'preemption_count'];
    const { exitCode, stdout } = await bench(sweep(own, ...over));
    expect(exitCode, stdout).toBe(0);
    expect(readdirSync(join(own, 'points'))).toEqual(['linkShare=0.5']);
    expect(readdirSync(join(own, 'points/linkShare=0.5/cells'))).toEqual(['swap-s1', 'swap-s2']);
    expect(resultOf(own).stacks.map(({ stack, points }) => [stack, points.length])).toEqual([['swap', 2]]);
  });

  it('calls no point best that serves another load', async () => {
    const own = workspace.path('loads');
    const { stdout } = await bench(sweep(own, '--over', 'workload.rate=1,150'));
    expect(stdout).toContain('best TTFT p99: the configuration as it is');
    expect(
      resultOf(own).stacks.flatMap(({ points }) => points.map((point) => point.against_default)),
    ).toEqual([null, null, null, null]);
  });

  it('goes on after kill -9 at any moment, to the same bytes', async () => {
    const whole = workspace.path('whole');
    const killed = workspace.path('killed');
    const args = ['--over', 'engine.maxRunning=2,8,64'];
    expect((await bench(sweep(whole, ...args))).exitCode).toBe(0);
    const rng = createRng(1, 'kills');
    for (let tries = 0; tries < 3; tries += 1) {
      const resume = tries === 0 ? [] : ['--resume'];
      await killAfter(sweep(killed, ...args, ...resume), 300 + rng.uniform() * 2500);
    }
    expect((await bench(sweep(killed, ...args, '--resume'))).exitCode).toBe(0);
    expect(bytesOf(killed)).toEqual(bytesOf(whole));
  });

  it.concurrent.each([
    ['a parameter that is not there', ['policies.swap.swap.params.budgt=1'], /unknown key "budgt"/],
    [
      'a policy that is not in the stack',
      ['policies.swap.swp.params.x=1'],
      /"policies.swap" has no part "swp"/,
    ],
    [
      'a value that the schema refuses',
      ['engine.maxRunning=4,-1'],
      /--set engine.maxRunning=-1: engine.maxRunning: must be/,
    ],
    ['no axis', [], /--over: say what to vary/],
    [
      'one setting twice',
      ['engine.maxRunning=1', 'engine.maxRunning=2'],
      /engine.maxRunning: is given twice/,
    ],
  ])('refuses %s before anything runs', async (_, axes, message) => {
    const refused = workspace.path('refused');
    const { exitCode, stderr } = await bench(sweep(refused, ...axes.flatMap((axis) => ['--over', axis])));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
    expect(() => statSync(refused)).toThrow();
  });

  it.concurrent('refuses a metric that nothing is compared on, and a folder that is there', async () => {
    const metric = await bench(
      sweep(workspace.path('x'), '--over', 'engine.maxRunning=2', '--metric', 'p99_tftt_ms'),
    );
    expect(metric.stderr).toMatch(/--metric.*did you mean "p99_ttft_ms"/);
    const folder = await bench(sweep(workspace.dir, '--over', 'engine.maxRunning=2'));
    expect(folder.stderr).toMatch(/the folder exists \(--resume goes on/);
  });
});

/** Starts the command and kills it and its workers after a time, if it still runs then. */
async function killAfter(args: readonly string[], ms: number): Promise<void> {
  const file = fileURLToPath(new URL('../../harness/cli/bin.js', import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: 'ignore' });
  const ended = new Promise((resolve) => {
    child.on('exit', resolve);
  });
  await Promise.race([ended, sleep(ms)]);
  child.kill('SIGKILL');
  await ended;
}
