import { wallClockUs } from '../base/clock.ts';
import { createRng } from '../base/rng.ts';
import { usPerSecond } from '../base/units.ts';
import type { ClusterOptions } from '../core/state/cluster.ts';
import { type Admission, type EnginePreset, enginePresets } from '../core/engine.ts';
import type { Hardware } from '../domain/hardware.ts';
import { asRequestId } from '../domain/ids.ts';
import type { Fault } from '../core/groups/fault.ts';
import type { LoadReporting } from '../core/state/load/load-reports.ts';
import { type RunTotals, runCluster } from '../core/run.ts';
import type { RequestClass, RequestSpec, Workload } from '../domain/workload.ts';
import type { Executor } from '../core/executor.ts';
import { SimulatedExecutor } from '../executors/simulated.ts';
import type { Limits } from '../policy/decisions.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import type { CallGuard } from '../policy/stack.ts';
import { Collector } from './collector.ts';
import { blockSizeTokens, tinyHardware, tinyModel } from './tiny-hardware.ts';
import { stackOf } from './tiny-stack.ts';

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

/**
 * Returns the next turn of a conversation: it arrives `delayUs` after `parent` has ended, and its prompt is the parent's prompt and
 * answer with `newTokens` behind them.
 */
export function followUp(
  id: number,
  parent: RequestSpec,
  turn: { readonly delayUs: number; readonly newTokens: number; readonly outputTokens: number },
): RequestSpec {
  const promptTokens = parent.promptTokens + parent.outputTokens + turn.newTokens;
  return {
    ...request(id, 0, promptTokens, turn.outputTokens),
    className: parent.className,
    arrival: { kind: 'after', requestId: parent.id, delayUs: turn.delayUs },
    continues: parent.id,
    sessionId: parent.sessionId ?? parent.id,
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

export interface TinyRun {
  /** Made by `request` and `followUp`; ids count from 0. */
  readonly specs: readonly RequestSpec[];
  /** The stack, in the order in which it is asked; `withParams` gives one other parameters than its defaults. */
  readonly policies: readonly PolicyDefinition[];
  /** KV blocks of each instance, of 16 tokens each. Default: 20. */
  readonly blocks?: number;
  /** Blocks that the host memory of each instance holds. Default: 1,000. */
  readonly hostBlocks?: number;
  /** Default: 1. */
  readonly numInstances?: number;
  /** Default: `numInstances`. */
  readonly maxInstances?: number;
  /** Classes of the requests. Default: only `default`. */
  readonly classes?: readonly RequestClass[];
  /** How many instances serve together as a pipeline. Default: 1. */
  readonly stagesPerGroup?: number;
  /** Default: 64 requests. */
  readonly maxRunning?: number;
  /** Default: 64 tokens in a step. */
  readonly maxBatchTokens?: number;
  /** Default: vLLM V1. */
  readonly engine?: EnginePreset;
  /** Default: that of the engine. */
  readonly admission?: Admission;
  /** Default: `{ kind: 'live' }`, where a configuration has `per-step`. */
  readonly loadReports?: LoadReporting;
  /** Instances that fail, and when. */
  readonly faults?: readonly Fault[];
  /** Differences from `tinyHardware`. */
  readonly hardware?: Partial<Hardware>;
  /** Seed of the policies' random streams. */
  readonly policySeed?: number;
  readonly executor?: Executor;
  /** Default: 10 ms of virtual time. */
  readonly sampleIntervalUs?: number;
  /** Virtual time after which the run is cut off. Default: 10,000 s. */
  readonly maxDurationUs?: number;
  /** Wall time in microseconds after which the run throws an error. Default: no limit. */
  readonly maxWallUs?: number;
  /** Checks the invariants after so many events. Default: 1. */
  readonly checkEvery?: number;
  /** Told around every call of a policy. */
  readonly guard?: CallGuard;
}

/** Results of a tiny run; `stats` are the policies' own figures. */
export interface TinyResult {
  /** All that was recorded: `decisions`, `requests`, `migrations`, `events`, `samples`, `stages` and `transfers`. */
  readonly seen: Collector;
  readonly totals: RunTotals;
  readonly stats: Readonly<Record<string, number | null>>;
}

/**
 * Serves requests in a tiny simulated cluster, in virtual time, and checks every invariant on the way. Throws what a policy
 * throws, as a `PolicyError`, and an error that says why where requests are left that nobody can serve.
 */
export function runTiny(run: TinyRun): TinyResult {
  const hardware = { ...tinyHardware(run.blocks ?? 20, run.hostBlocks), ...run.hardware };
  const seen = new Collector();
  const { policies, policySeed = 1, classes = defaultClasses, guard, specs } = run;
  const stack = stackOf(policies, { policySeed, hardware, classes, guard, specs });
  const totals = runCluster({
    model: tinyModel,
    hardware,
    ...sizeOf(run),
    startRng: createRng(1, 'cold-start'),
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

function sizeOf({ numInstances = 1, maxInstances = numInstances, stagesPerGroup = 1 }: TinyRun) {
  return { numInstances, maxInstances, stagesPerGroup };
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
