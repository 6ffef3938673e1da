/** One device with its links, as the configuration describes it. Bytes, bytes per second, microseconds. */
export interface Hardware {
  readonly name: string;
  /** Device memory that one instance may use for weights, KV cells and the reserve. */
  readonly memoryBytes: number;
  /** Kept free for activations and fragmentation. */
  readonly reserveBytes: number;
  readonly compute: ComputeProfile;
  /** Device to host and back (PCIe), each direction on its own. */
  readonly hostLink: LinkProfile;
  readonly hostMemoryBytes: number;
  /** Instance to instance, each direction on its own. */
  readonly network: LinkProfile;
  readonly diskBytesPerSecond: number;
  /** Whether the host keeps a copy of the weights, which is then preferred to the disk. */
  readonly weightsInHostMemory: boolean;
  readonly start: StartProfile;
  /** Changing what device memory is mapped to (drop, restore): a fixed cost. */
  readonly remapUs: number;
  /**
   * What source and target spend agreeing on each stage of a migration before its KV travels: remote calls, cells taken,
   * the request handed over. A property of the engine and its transport, like `remapUs`, and not of a policy's wish.
   */
  readonly migrationHandshakeUs: number;
}

/** What happens between asking for an instance and its first request. */
export interface StartProfile {
  /** From asking for an instance until it begins to load weights: log-normal, exactly the mean where `cv` is 0. */
  readonly provisioning: { readonly meanUs: number; readonly cv: number };
  /** Where a new instance reads its weights: `peer` prefers instances that hold them, `host` the memory beside it. */
  readonly weightsFrom: 'disk' | 'host' | 'peer';
  /** From the last weight until it serves: memory profiling, graph capture. */
  readonly warmUpUs: number;
  /** Share of the starts that fail when they have been provisioned, and are tried again. */
  readonly failureRatio: number;
  /** Before the second attempt; twice as long before each further one, up to the maximum. */
  readonly backoffUs: number;
  readonly maxBackoffUs: number;
}

export interface LinkProfile {
  readonly bytesPerSecond: number;
  readonly latencyUs: number;
}

/** Roofline of one device: what `simulate` charges for a step (harness/executors/simulated.ts). */
export interface ComputeProfile {
  readonly flopsPerSecond: number;
  readonly memoryBytesPerSecond: number;
  /** Fixed cost of one layer's kernels, and of one step. */
  readonly layerOverheadUs: number;
  readonly stepOverheadUs: number;
}
