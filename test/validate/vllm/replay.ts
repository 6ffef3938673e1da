import { createRng } from '../../../harness/base/rng.ts';
import { Collector } from '../../../harness/conformance/collector.ts';
import { workloadOf } from '../../../harness/conformance/tiny-cluster.ts';
import { enginePresets } from '../../../harness/core/engine.ts';
import type { Hardware } from '../../../harness/domain/hardware.ts';
import { asRequestId } from '../../../harness/domain/ids.ts';
import { kvCellBytes, type ModelShape, modelWeightBytes } from '../../../harness/domain/model-shape.ts';
import { runCluster } from '../../../harness/core/run.ts';
import { SimulatedExecutor } from '../../../harness/executors/simulated.ts';
import { PolicyStack } from '../../../harness/policy/stack.ts';
import { policies } from '../../../policies/index.ts';
import type { MeasuredRow, MeasuredRun } from './measured-runs.ts';

const blockSizeTokens = 16;
const classes = [{ name: 'default', priority: 0, slo: {} }];

/** What a request saw, in seconds. */
export interface Latency {
  readonly ttft: number;
  readonly tpot: number;
  readonly e2e: number;
}

export function measuredLatency(row: MeasuredRow): Latency {
  return {
    ttft: row.first_token_s - row.queued_s,
    tpot: (row.last_token_s - row.first_token_s) / (row.output_tokens - 1),
    e2e: row.last_token_s - row.queued_s,
  };
}

export interface Replay {
  readonly run: MeasuredRun;
  readonly rows: readonly MeasuredRow[];
  readonly model: ModelShape;
  readonly hardware: Hardware;
}

/** The run's requests through the simulator: same arrivals, lengths, limits and KV blocks; in the order of the rows. */
export function replay({ run, rows, model, hardware }: Replay): readonly Latency[] {
  const seen = new Collector();
  const memoryBytes =
    modelWeightBytes(model) +
    hardware.reserveBytes +
    run.blocks * model.numLayers * kvCellBytes(model, blockSizeTokens);
  const device = { ...hardware, memoryBytes };
  const deps = { rng: createRng(1, 'policy'), model, startHardware: device, blockSizeTokens, classes };
  const stack = new PolicyStack(
    [policies['round-robin'], policies.recompute].map((definition) => ({
      name: definition.name,
      capabilities: definition.capabilities,
      policy: definition.create({}, deps),
    })),
    { enter() {}, leave() {} },
  );
  const specs = rows.map((row, id) => ({
    id: asRequestId(id),
    className: 'default',
    promptTokens: row.prompt_tokens,
    outputTokens: row.output_tokens,
    outputLimitTokens: row.output_tokens,
    arrival: { kind: 'at', timeUs: Math.round(row.queued_s * 1e6) } as const,
  }));
  runCluster({
    model,
    hardware: device,
    numInstances: 1,
    maxInstances: 1,
    startRng: createRng(1, 'cold-start'),
    stagesPerGroup: 1,
    blockSizeTokens,
    engine: enginePresets['vllm-v1'].rules,
    loadReporting: { kind: 'live' },
    limits: { maxRunning: run.maxRunning, maxBatchTokens: 2048, watermarkRatio: 0, admits: true },
    workload: workloadOf(specs, classes),
    stack,
    executor: new SimulatedExecutor(model),
    observer: seen,
    sampleIntervalUs: 1e6,
    faults: [],
    maxDurationUs: 1e10,
    checkEvery: 0,
  });
  const latencies: Latency[] = [];
  for (const { id, arrivedAtUs, firstTokenAtUs, endedAtUs, outputTokens } of seen.requests) {
    const first = (firstTokenAtUs ?? Number.NaN) - arrivedAtUs;
    const all = (endedAtUs ?? Number.NaN) - arrivedAtUs;
    latencies[id] = { ttft: first / 1e6, tpot: (all - first) / 1e6 / (outputTokens - 1), e2e: all / 1e6 };
  }
  return latencies;
}
