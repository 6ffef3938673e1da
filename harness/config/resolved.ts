import type { EnginePreset, EngineRules } from '../core/engine.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { LoadReporting } from '../core/state/load/load-reports.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { RequestClass } from '../domain/workload.ts';
import type { WorkloadSource } from '../../workloads/index.ts';

/** A run after parse, normalize and resolve: nothing is left to default, nothing is left to look up. */
export interface ResolvedConfig {
  readonly name: string;
  /** Folder that relative paths (traces, plug-ins) are relative to: that of the configuration file. */
  readonly baseDir: string;
  /** Master seeds of the repeats: `seed, seed + 1, ...`. */
  readonly seeds: readonly number[];
  readonly model: ModelShape;
  readonly cluster: ClusterSpec;
  readonly engine: EngineSpec;
  readonly execution: ExecutionSpec;
  readonly workload: readonly WorkloadSource[];
  readonly classes: readonly RequestClass[];
  readonly stacks: readonly StackSpec[];
  /** Name of the stack that the others are compared with. */
  readonly baseline: string;
  /** Checked; `parseThreshold` takes them apart. */
  readonly thresholds: readonly string[];
}

export interface ClusterSpec {
  /** At the start, unless a policy says otherwise. */
  readonly numInstances: number;
  /** The most that there may be at any time. */
  readonly maxInstances: number;
  /** Instances that serve one copy of the model together as a static pipeline; 1 for ordinary instances. */
  readonly stagesPerGroup: number;
  readonly hardware: Hardware;
  /** How old the load is that policies see. */
  readonly loadReports: LoadReporting;
  /** Instances that fail, each once, and when in virtual time; at least one instance never does. */
  readonly faults: readonly FaultSpec[];
}

export interface FaultSpec {
  readonly instance: number;
  readonly atUs: number;
}

/** The engine on every instance: a generation with its rules, and the limits of its step loop. */
export interface EngineSpec {
  readonly preset: EnginePreset;
  readonly rules: EngineRules;
  readonly blockSizeTokens: number;
  /** Requests that run at a time, for each instance of a group. */
  readonly maxRunning: number;
  readonly maxBatchTokens: number;
  /** Share of the KV blocks that admission leaves free. */
  readonly watermarkRatio: number;
}

export interface ExecutionSpec {
  readonly mode: 'measure' | 'simulate' | 'replay';
  /** Threads that TensorFlow may use. */
  readonly threads: number;
  /** Results folder whose recorded step times are replayed (`mode: replay`); an absolute path. */
  readonly replayDir: string | undefined;
  /** Teacher-forcing replay after every measured cell. */
  readonly verifyTokens: boolean;
  readonly sampleIntervalUs: number;
  /** A run is cut off at this virtual time; what is still open counts as unfinished. */
  readonly maxDurationUs: number;
  /** A policy call that takes longer fails its cell. */
  readonly policyTimeoutMs: number;
}

/** A stack of policies asked in order; `use` is a built-in name, a path or a package name. */
export interface StackSpec {
  readonly name: string;
  readonly policies: readonly PolicyUse[];
}

export interface PolicyUse {
  readonly use: string;
  /** Checked by the policy's own schema, defaults filled in. */
  readonly params: Readonly<Record<string, unknown>>;
}
