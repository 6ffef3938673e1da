import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../harness/base/assert.ts';
import { comparedValue } from '../../harness/metrics/compared-values.ts';
import { fidelityOf, medianError } from '../../harness/metrics/fidelity.ts';
import { readCellSummary } from '../../harness/metrics/read-results.ts';
import { readTwinValues, twinsFolder } from '../../harness/metrics/twins.ts';
import type { ResolvedConfig } from '../../harness/config/index.ts';
import { runTwin, type TwinJob } from '../../harness/run/twin.ts';
import { runTwins } from '../../harness/run/run-twins.ts';
import type { WorkerPool } from '../../harness/run/worker-pool.ts';
import { guard, measuredConfig } from './measured-config.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'servebench-twins-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the twins in this process, on a device whose stages spread so around their cost. */
async function twinsOf(config: ResolvedConfig, signal = new AbortController().signal, spread = [1]) {
  const profile = { ...must(config.cluster.hardware.profile, 'profile'), spread };
  const told: string[] = [];
  const problems = await runTwins({
    config,
    clock: { kind: 'reference', scale: 1, profile },
    dir,
    pool: { run: (_kind: string, job: TwinJob) => runTwin(job, guard) } as unknown as WorkerPool,
    concurrency: 2,
    signal,
    onProgress: (done, planned) => told.push(`${done}/${planned}`),
  });
  return { problems, told };
}

test('every stack is simulated on the measured seed, whole, and on further ones, in figures', async () => {
  const config = await measuredConfig(dir);
  const { problems, told } = await twinsOf(config);
  expect(problems).toEqual([]);
  expect(told).toEqual(Array.from({ length: 16 }, (_, index) => `${index + 1}/16`));
  const values = await readTwinValues(dir);
  expect(values.map(({ policy, seed }) => `${policy} ${seed}`)).toEqual(
    [1, 1, 1, 1, 1, 2, 3, 4].flatMap((seed) => [`recompute ${seed}`, `swap ${seed}`]),
  );
  expect(readdirSync(join(twinsFolder(dir), 'cells')).toSorted()).toEqual(['recompute-s1', 'swap-s1']);
  const summary = must(await readCellSummary(twinsFolder(dir), 'recompute-s1'), 'summary');
  // All requests have finished, so that the summary's percentiles are those of a comparison.
  expect(summary.completed).toBe(summary.offered);
  expect(comparedValue(must(values[0], 'value'), 'p99_ttft_ms')).toBeCloseTo(
    summary.p99_ttft_ms ?? Number.NaN,
    9,
  );
});

test('draws of a measured cell differ where stages spread, and only there', async () => {
  const config = await measuredConfig(dir);
  const latencies = async (spread: number[]) => {
    await twinsOf(config, undefined, spread);
    const values = (await readTwinValues(dir)).filter(({ policy, seed }) => policy === 'swap' && seed === 1);
    return new Set(values.map((value) => comparedValue(value, 'p50_tpot_ms'))).size;
  };
  expect(await latencies([1])).toBe(1);
  expect(await latencies([0.8, 1.2])).toBe(5);
});

test('twins are the same bytes each time', async () => {
  const config = await measuredConfig(dir);
  const read = () =>
    ['values.jsonl', 'cells/swap-s1/requests.jsonl'].map((name) =>
      readFileSync(join(twinsFolder(dir), name), 'utf8'),
    );
  await twinsOf(config);
  const first = read();
  await twinsOf(config);
  expect(read()).toEqual(first);
});

test('a policy that fails in a simulation costs its twins, is told, and no other suffers', async () => {
  const plugin = join(dir, 'moody.ts');
  writeFileSync(
    plugin,
    `import { z } from 'zod';
export default {
  name: 'moody', family: 'support', summary: 'throws', capabilities: {}, params: z.strictObject({}),
  create: () => ({ onEvent: () => { throw new Error('not today'); } }),
};
`,
  );
  const { problems } = await twinsOf(
    await measuredConfig(dir, `  moody: [least-loaded, ${plugin}, recompute]`),
  );
  expect(problems).toHaveLength(4);
  expect(problems[0]).toMatch(/beside moody-s\d failed: .*not today/);
  expect((await readTwinValues(dir)).map(({ policy }) => policy)).not.toContain('moody');
  expect(readdirSync(join(twinsFolder(dir), 'cells')).toSorted()).toEqual(['recompute-s1', 'swap-s1']);
});

test('figures under names of no metric are refused, with file and line', async () => {
  await twinsOf(await measuredConfig(dir));
  const path = join(twinsFolder(dir), 'values.jsonl');
  const [first = '', ...others] = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, [...others.slice(0, 1), first.replace('p99_ttft_ms', 'p99_ttft_msX')].join('\n'));
  await expect(readTwinValues(dir)).rejects.toThrow(/values\.jsonl:2:.*p99_ttft_ms/s);
});

test('stopped twins leave no values behind', async () => {
  const controller = new AbortController();
  controller.abort();
  await twinsOf(await measuredConfig(dir), controller.signal);
  await expect(readTwinValues(dir)).rejects.toThrow(/values\.jsonl: is missing/);
});

test('fidelity is the error of the twins, stack by stack', async () => {
  await twinsOf(await measuredConfig(dir));
  const twin = must(await readCellSummary(twinsFolder(dir), 'swap-s1'), 'summary');
  const measured = { ...twin, p99_ttft_ms: 2 * (twin.p99_ttft_ms ?? 0), preemption_count: 0 };
  const fidelity = fidelityOf([measured], [twin]);
  const errorOf = (metric: string) => fidelity.find((row) => row.metric === metric)?.error;
  expect(errorOf('p99_ttft_ms')).toBe(-0.5);
  expect(errorOf('p50_ttft_ms')).toBe(0);
  expect(errorOf('preemption_count')).toBe(twin.preemption_count === 0 ? 0 : null);
  expect(medianError(fidelity, (metric) => metric.startsWith('p99'))).toBe(0);
  expect(medianError([], () => true)).toBeUndefined();
  expect(fidelityOf([{ ...measured, id: 'swap-s9' }], [twin])).toEqual([]);
});
