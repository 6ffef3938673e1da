import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { groupCapacity, memoryPlanOf } from '../../harness/config/capacity.ts';
import { loadConfig } from '../../harness/config/index.ts';
import type { ResolvedConfig } from '../../harness/config/resolved.ts';
import { layerWeightBytes, modelWeightBytes } from '../../harness/domain/model-shape.ts';
import { policies } from '../../policies/index.ts';
import { bench, readResults, repository } from '../e2e/bench.ts';
import { createWorkspace } from './workspace.ts';

const workspace = createWorkspace();
const builtIns = new Map(Object.entries(policies));
const gib = 2 ** 30;

describe('configs/gpu.yaml', () => {
  let config: ResolvedConfig;
  beforeAll(async () => {
    const resolver = { names: [...builtIns.keys()], resolve: async (use: string) => builtIns.get(use) };
    config = await loadConfig({ file: 'configs/gpu.yaml', resolver, cwd: repository });
  });

  it('is a model of more than a billion parameters, of which as many instances as may be share one GPU of 141 GB', () => {
    const { model, cluster } = config;
    expect(modelWeightBytes(model) / model.bytesPerWeight).toBeGreaterThan(1e9);
    expect(cluster.maxInstances).toBeGreaterThan(cluster.numInstances);
    // Beside all instances, the copy of a slab that changes its size: KV and the layers dropped from it.
    const copyBytes = groupCapacity(memoryPlanOf(config)).kvBytes + layerWeightBytes(model) * model.numLayers;
    expect(cluster.maxInstances * cluster.hardware.memoryBytes + copyBytes).toBeLessThan(0.75 * 139 * gib);
  });

  it('keeps a new KV slab below the 2^31 elements that TensorFlow fills on a GPU', () => {
    expect(groupCapacity(memoryPlanOf(config)).kvBytes / 4).toBeLessThan(2 ** 31);
  });

  it('simulates with memory that runs out, and every policy does what it is for', {
    timeout: 120_000,
  }, async () => {
    const out = workspace.path('gpu');
    const args = ['--config', 'configs/gpu.yaml', '--mode', 'simulate', '--output-dir', out, '--quiet'];
    const { exitCode, stderr } = await bench(args);
    expect(exitCode, stderr).toBe(0);
    const { cells } = readResults(out).summary;
    const of = (policy: string) => cells.find((cell) => cell.policy === policy)!;
    for (const { policy, completed, offered } of cells) expect(completed, policy).toBe(offered);
    expect(of('unlimited').preemption_count).toBe(0);
    expect(of('recompute').preemption_count).toBeGreaterThan(10);
    expect(of('recompute').p99_ttft_ms).toBeGreaterThan(2 * of('unlimited').p99_ttft_ms!);
    expect(of('swap').swapped_bytes).toBeGreaterThan(1e9);
    expect(of('llumnix').migration_count).toBeGreaterThan(0);
    const { drop_count, restore_count, p99_ttft_ms } = of('kunserve');
    for (const count of [drop_count, restore_count]) expect(count).toBeGreaterThan(0);
    expect(p99_ttft_ms).toBeLessThan(of('recompute').p99_ttft_ms!);
    for (const policy of ['chiron', 'hpa']) {
      const isInTime = startTimesUs(out, `${policy}-s1`).some((time) => time < secondBurstEndsUs);
      expect(isInTime, policy).toBe(true);
    }
  });
});

const secondBurstEndsUs = 7.45e6;

/** When the instances that a policy has started began to serve, in microseconds. */
function startTimesUs(results: string, cellId: string): number[] {
  const text = readFileSync(join(results, 'cells', cellId, 'events.jsonl'), 'utf8').trim();
  const events = text.split('\n').map((line) => JSON.parse(line) as { time_us: number; kind: string });
  return events
    .filter(({ kind, time_us }) => kind === 'instanceReady' && time_us > 0)
    .map(({ time_us }) => time_us);
}
