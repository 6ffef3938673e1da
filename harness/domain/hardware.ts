import type { StageProfile } from './stage-profile.ts';

/**
 * What an instance runs on, as the configuration describes it: one device with its links, or several in tensor parallelism.
 * Bytes, bytes per second, microseconds.
 */
export interface Hardware {
  readonly name: string;
  /** Device memory that the instance may use for weights, KV cells and the reserve. */
  readonly memoryBytes: number;
  /** Device memory kept free for activations and fragmentation. */
  readonly reserveBytes: number;
  /** What each device computes. */
  readonly compute: ComputeProfile;
  /** What stages of the configuration's model take, where that has been calibrated; it then counts in place of `compute`. */
  readonly profile?: StageProfile | undefined;
  /** The devices of the instance; `undefined` for a single one. Memory, links and all else here are those of its devices together. */
  readonly tensorParallel?: TensorParallelProfile | undefined;
  /** The link between device and host (PCIe). Each direction has this bandwidth to itself. */
  readonly hostLink: LinkProfile;
  readonly hostMemoryBytes: number;
  /** The network between instances. Each direction has this bandwidth to itself. */
  readonly network: LinkProfile;
  readonly diskBytesPerSecond: number;
  /** Whether the host keeps a copy of the weights, which is then preferred to the disk. */
  readonly weightsInHostMemory: boolean;
  readonly start: StartProfile;
  /** Fixed time in which device memory is mapped anew (drop, restore). */
  readonly remapUs: number;
  /**
   * What source and target spend agreeing on each stage of a migration before its KV travels: remote calls, cells taken,
   * the request handed over. A property of the engine and its transport, like `remapUs`, and not of a policy's wish.
   */
  readonly migrationHandshakeUs: number;
}

/** What happens between asking for an instance and its first request. */
export interface StartProfile {
  /** Time from asking for an instance until it begins to load weights: log-normal, exactly the mean where `cv` is 0. */
  readonly provisioning: { readonly meanUs: number; readonly cv: number };
  /** Where a new instance reads its weights: `peer` prefers instances that hold them, `host` the memory beside it. */
  readonly weightsFrom: 'disk' | 'host' | 'peer';
  /** Time from the last weight until it serves: memory profiling, graph capture. */
  readonly warmUpUs: number;
  /** Share of the starts that fail when they have been provisioned, and are tried again. */
  readonly failureRatio: number;
  /** Wait before the second attempt; twice as long before each further one, up to `maxBackoffUs`. */
  readonly backoffUs: number;
  readonly maxBackoffUs: number;
}

export interface LinkProfile {
  readonly bytesPerSecond: number;
  readonly latencyUs: number;
}

/**
 * What one device takes for a step, and its engine with it: what `simulate` charges (harness/executors/roofline-cost.ts). Rates are
 * those that are reached, not the peaks.
 */
export interface ComputeProfile {
  /** Floating-point operations per second of large matrix products. */
  readonly flopsPerSecond: number;
  /** Bytes per second of reading weights, and of writing and reading activations. */
  readonly memoryBytesPerSecond: number;
  readonly attention: AttentionProfile;
  /** Fixed cost on the device of one layer's kernels, and of one step: copies in and out, sampling. */
  readonly layerOverheadUs: number;
  readonly stepOverheadUs: number;
  readonly engineCpu: EngineCpuProfile;
}

/** Attention has kernels of its own, which reach less than large matrix products do. */
export interface AttentionProfile {
  readonly flopsPerSecond: number;
  readonly memoryBytesPerSecond: number;
  /**
   * Rows that a decoding request's single query is computed as in a step that also prefills: FlashAttention-2 runs such a step
   * in one kernel, whose tiles of queries have 64 rows. 1 where decoding has a kernel of its own, as in steps that only decode.
   */
  readonly mixedDecodeRows: number;
}

/** The engine's own time on the processor: scheduling, preparing inputs, handling outputs. */
export interface EngineCpuProfile {
  readonly stepUs: number;
  /** Time for each entry of the step. */
  readonly sequenceUs: number;
  /** Whether it prepares the next step while the device computes this one, so that only the longer of the two counts. */
  readonly overlapsDevice: boolean;
}

/** Devices that compute every layer together, each a part of it, and add up what they have twice a layer. */
export interface TensorParallelProfile {
  readonly devices: number;
  /** Link between two of them, each direction on its own; the latency is that of a whole all-reduce of few bytes. */
  readonly link: LinkProfile;
}
