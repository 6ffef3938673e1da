import { wallClockUs } from '../base/clock.ts';
import { createRng } from '../base/rng.ts';
import { usPerSecond } from '../base/units.ts';
import type { ClusterOptions } from '../core/state/cluster.ts';
import { type Admission, type EnginePreset, enginePresets } from '../core/engine.ts';
import type { Hardware } from '../domain/hardware.ts';
import { asRequestId } from '../domain/ids.ts';
import {
  kvCellBytes,
  layerWeightBytes,
  type ModelShape,
  residentWeightBytes,
} from '../domain/model-shape.ts';
import type { Fault } from '../core/groups/fault.ts';
import type {
  ClusterEventRecord,
  DecisionRecord,
  InstanceSample,
  MigrationRecord,
  Observer,
  RequestRecord,
  StageRecord,
  TransferRecord,
} from '../core/observer.ts';
import type { LoadReporting } from '../core/state/load/load-reports.ts';
import { type RunTotals, runCluster } from '../core/run.ts';
import type { RequestClass, RequestSpec, Workload } from '../domain/workload.ts';
import type { Executor } from '../core/executor.ts';
import { SimulatedExecutor } from '../executors/simulated.ts';
import type { Limits } from '../policy/decisions.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { PolicyStack } from '../policy/stack.ts';

/** A model so small that, together with `tinyHardware`, a handful of requests fills the memory. */
export const tinyModel: ModelShape = {
  name: 'test',
  numLayers: 4,
  hiddenSize: 32,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 8,
  ffnSize: 64,
  vocabSize: 64,
  bytesPerWeight: 4,
  bytesPerKvElement: 4,
  ropeTheta: 10000,
};

export const blockSizeTokens = 16;

/** Returns a device with memory for the whole model and exactly `blocks` KV blocks. */
export function tinyHardware(blocks: number, hostBlocks = 1000): Hardware {
  const weights = residentWeightBytes(tinyModel) + tinyModel.numLayers * layerWeightBytes(tinyModel);
  const blockBytes = tinyModel.numLayers * kvCellBytes(tinyModel, blockSizeTokens);
  return {
    name: 'test',
    memoryBytes: weights + 1000 + blocks * blockBytes,
    reserveBytes: 1000,
    compute: {
      flopsPerSecond: 1e9,
      memoryBytesPerSecond: 1e9,
      attention: { flopsPerSecond: 1e9, memoryBytesPerSecond: 1e9, mixedDecodeRows: 1 },
      layerOverheadUs: 50,
      stepOverheadUs: 100,
      engineCpu: { stepUs: 0, sequenceUs: 0, overlapsDevice: false },
    },
    hostLink: { bytesPerSecond: 50e6, latencyUs: 10 },
    hostMemoryBytes: hostBlocks * blockBytes,
    network: { bytesPerSecond: 100e6, latencyUs: 10 },
    diskBytesPerSecond: 1e8,
    weightsInHostMemory: false,
    start: {
      provisioning: { meanUs: 2000, cv: 0 },
      weightsFrom: 'disk',
      warmUpUs: 500,
      failureRatio: 0,
      backoffUs: 1000,
      maxBackoffUs: 8000,
    },
    remapUs: 100,
    migrationHandshakeUs: 0,
  };
}

/** Returns a request of class `default` that arrives at `timeUs`. */
export function request(id: number, timeUs: number, promptTokens: number, outputTokens: number): RequestSpec {
  return {
    id: asRequestId(id),
    className: 'default',
    promptTokens,
    outputTokens,
    outputLimitTokens: outputTokens,
    arrival: { kind: 'at', timeUs },
  };
}

const defaultClasses: readonly RequestClass[] = [{ name: 'default', priority: 0, slo: {} }];

function timeOf({ arrival }: RequestSpec): number {
  return arrival.kind === 'at' ? arrival.timeUs : 0;
}

export function workloadOf(specs: readonly RequestSpec[], classes = defaultClasses): Workload {
  const initial = specs
    .filter(({ arrival }) => arrival.kind === 'at')
    .toSorted((a, b) => timeOf(a) - timeOf(b));
  return {
    numRequests: specs.length,
    classes,
    arrivals: () => initial[Symbol.iterator](),
    followers: (id) => specs.filter(({ arrival }) => arrival.kind === 'after' && arrival.requestId === id),
  };
}

/** Collects everything that the core reports. */
export class Collector implements Observer {
  readonly requests: RequestRecord[] = [];
  readonly decisions: DecisionRecord[] = [];
  readonly stages: StageRecord[] = [];
  readonly samples: InstanceSample[] = [];
  readonly transfers: TransferRecord[] = [];
  readonly migrations: MigrationRecord[] = [];
  readonly events: ClusterEventRecord[] = [];
  numGaps = 0;

  requestEnded(record: RequestRecord): void {
    this.requests.push(record);
  }
  tokenGap(): void {
    this.numGaps += 1;
  }
  stageEnded(record: StageRecord): void {
    this.stages.push(record);
  }
  decision(record: DecisionRecord): void {
    this.decisions.push(record);
  }
  sample(record: InstanceSample): void {
    this.samples.push(record);
  }
  transferEnded(record: TransferRecord): void {
    this.transfers.push(record);
  }
  migrationEnded(record: MigrationRecord): void {
    this.migrations.push(record);
  }
  clusterEvent(record: ClusterEventRecord): void {
    this.events.push(record);
  }
}

export interface TinyRun {
  readonly specs: readonly RequestSpec[];
  readonly policies: readonly PolicyDefinition[];
  readonly blocks?: number;
  readonly hostBlocks?: number;
  readonly numInstances?: number;
  /** Default: `numInstances`. */
  readonly maxInstances?: number;
  /** Classes of the requests. Default: only `default`. */
  readonly classes?: readonly RequestClass[];
  readonly stagesPerGroup?: number;
  readonly maxRunning?: number;
  readonly maxBatchTokens?: number;
  /** Default: vLLM V1. */
  readonly engine?: EnginePreset;
  /** Default: that of the engine. */
  readonly admission?: Admission;
  /** Default: `live`. */
  readonly loadReports?: LoadReporting;
  readonly faults?: readonly Fault[];
  /** Differences from `tinyHardware`. */
  readonly hardware?: Partial<Hardware>;
  /** Seed of the policies' random streams. */
  readonly policySeed?: number;
  readonly executor?: Executor;
  readonly sampleIntervalUs?: number;
  readonly maxDurationUs?: number;
  /** Wall time in microseconds after which the run throws an error. Default: no limit. */
  readonly maxWallUs?: number;
  readonly checkEvery?: number;
}

/** Results of a tiny run; `stats` are the policies' own figures. */
interface TinyResult {
  readonly seen: Collector;
  readonly totals: RunTotals;
  readonly stats: Readonly<Record<string, number | null>>;
}

/**
 * Runs requests through a tiny cluster and checks every invariant after every `checkEvery` events (default
 * 1).
 */
export function runTiny(run: TinyRun): TinyResult {
  const hardware = { ...tinyHardware(run.blocks ?? 20, run.hostBlocks), ...run.hardware };
  const seen = new Collector();
  const stack = stackOf(run.policies, hardware, run);
  const totals = runCluster({
    model: tinyModel,
    hardware,
    numInstances: run.numInstances ?? 1,
    maxInstances: run.maxInstances ?? run.numInstances ?? 1,
    startRng: createRng(1, 'cold-start'),
    stagesPerGroup: run.stagesPerGroup ?? 1,
    blockSizeTokens,
    ...engineOf(run),
    workload: workloadOf(run.specs, run.classes),
    stack,
    executor: run.executor ?? new SimulatedExecutor(tinyModel),
    observer: seen,
    sampleIntervalUs: run.sampleIntervalUs ?? 10_000,
    faults: run.faults ?? [],
    maxDurationUs: run.maxDurationUs ?? 1e10,
    checkEvery: run.checkEvery ?? 1,
    onProgress: limitWallTime(run.maxWallUs),
  });
  return { seen, totals, stats: stack.stats() };
}

/** Returns the rules and limits of the engine and its load reports. */
function engineOf(run: TinyRun): Pick<ClusterOptions, 'engine' | 'limits' | 'loadReporting'> {
  const { rules } = enginePresets[run.engine ?? 'vllm-v1'];
  return {
    engine: { ...rules, admission: run.admission ?? rules.admission },
    limits: limitsOf(run),
    loadReporting: run.loadReports ?? { kind: 'live' },
  };
}

function limitsOf({ maxRunning = 64, maxBatchTokens = 64 }: TinyRun): Limits {
  return { maxRunning, maxBatchTokens, watermarkRatio: 0, admits: true };
}

function limitWallTime(maxWallUs = Infinity): () => void {
  const startUs = wallClockUs();
  return () => {
    if (wallClockUs() - startUs <= maxWallUs) return;
    const seconds = Math.round(maxWallUs / usPerSecond);
    throw new Error(
      `still running after ${seconds} s: it decides or ticks far more often than anything happens`,
    );
  };
}

/** Creates a stack of policies with default parameters. */
export function stackOf(
  definitions: readonly PolicyDefinition[],
  hardware: Hardware,
  { policySeed = 1, classes = defaultClasses }: Pick<TinyRun, 'policySeed' | 'classes'> = {},
): PolicyStack {
  const rng = createRng(policySeed, 'policy');
  const deps = { rng, model: tinyModel, startHardware: hardware, blockSizeTokens, classes };
  const members = definitions.map((definition) => ({
    name: definition.name,
    capabilities: definition.capabilities,
    policy: definition.create(definition.params.parse({}), deps),
  }));
  return new PolicyStack(members, { enter() {}, leave() {} });
}
