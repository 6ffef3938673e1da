import type { EnginePreset, EngineRules } from '../core/engine.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { LoadReporting } from '../core/state/load/load-reports.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { RequestClass } from '../domain/workload.ts';
import type { SteadyWindow } from '../metrics/steady-window.ts';
import type { WorkloadSource } from '../../workloads/index.ts';

/**
 * The complete configuration of a run after parse, normalize and resolve: no defaults and no references are
 * left.
 */
export interface ResolvedConfig {
  readonly name: string;
  /** Folder of the configuration file, to which relative paths (traces, plug-ins) are relative. */
  readonly baseDir: string;
  /** Master seeds of the repeats: `seed, seed + 1, ...`. */
  readonly seeds: readonly number[];
  readonly model: ModelShape;
  readonly cluster: ClusterSpec;
  readonly engine: EngineSpec;
  readonly execution: ExecutionSpec;
  readonly workload: readonly WorkloadSource[];
  readonly classes: readonly RequestClass[];
  /** Requests that arrive outside of it are served and not counted; without it all count. */
  readonly steadyWindow?: SteadyWindow;
  readonly stacks: readonly StackSpec[];
  /** Name of the stack with which the others are compared. */
  readonly baseline: string;
  /** Thresholds that have been checked; `parseThreshold` parses them. */
  readonly thresholds: readonly string[];
}

export interface ClusterSpec {
  /** Number of instances at the start, unless a policy decides otherwise. */
  readonly numInstances: number;
  /** Upper bound on the number of instances at any time. */
  readonly maxInstances: number;
  /**
   * Number of instances that serve one copy of the model together as a static pipeline; 1 for ordinary
   * instances.
   */
  readonly stagesPerGroup: number;
  readonly hardware: Hardware;
  /** When groups report their load to policies. */
  readonly loadReports: LoadReporting;
  /** Instances that fail, each at most once, with the virtual time; at least one instance never fails. */
  readonly faults: readonly FaultSpec[];
}

export interface FaultSpec {
  readonly instance: number;
  readonly atUs: number;
}

/** The engine of every instance: a generation with its rules, and the limits of its step loop. */
export interface EngineSpec {
  readonly preset: EnginePreset;
  readonly rules: EngineRules;
  readonly blockSizeTokens: number;
  /** Largest number of running requests, per instance of a group. */
  readonly maxRunning: number;
  readonly maxBatchTokens: number;
  /** Share of the KV blocks that admission leaves free. */
  readonly watermarkRatio: number;
}

export interface ExecutionSpec {
  readonly mode: 'measure' | 'simulate' | 'replay';
  /** Time that measured steps are charged: the described device's, or this one's. */
  readonly clock: 'reference' | 'device';
  /** Seeds beyond the measured ones that a measured run is simulated on; with 0, nothing is simulated. */
  readonly seedsSimulated: number;
  /** Number of threads that TensorFlow may use. */
  readonly threads: number;
  /** Absolute path of the results folder whose recorded step times are replayed (`mode: replay`). */
  readonly replayDir: string | undefined;
  /** Whether every measured cell is checked by a teacher-forcing replay. */
  readonly verifyTokens: boolean;
  readonly sampleIntervalUs: number;
  /** Virtual time at which a run is cut off; requests that have not ended by then count as unfinished. */
  readonly maxDurationUs: number;
  /** Longest duration of a policy call; a longer one fails its cell. */
  readonly policyTimeoutMs: number;
}

/** A stack of policies that are asked in order. */
export interface StackSpec {
  readonly name: string;
  readonly policies: readonly PolicyUse[];
}

export interface PolicyUse {
  readonly use: string;
  /** Parameters after the check by the policy's own schema, with defaults filled in. */
  readonly params: Readonly<Record<string, unknown>>;
}
