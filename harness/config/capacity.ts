import { kvCellBytes, layerWeightBytes, residentWeightBytes } from '../domain/model-shape.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { ClusterSpec, EngineSpec } from './resolved.ts';

/** Memory of one group (one copy of the model), on the member that has the least room for KV. */
export interface Capacity {
  /** Bytes of weights on the member that holds the most. */
  readonly weightBytes: number;
  /** Bytes of device memory left for KV on that member; negative if not even the weights fit. */
  readonly kvBytes: number;
  /** Number of tokens whose KV the group can hold. */
  readonly kvTokens: number;
}

export interface MemoryPlan {
  readonly model: ModelShape;
  readonly cluster: ClusterSpec;
  readonly engine: EngineSpec;
}

/**
 * Computes the memory of a group. A block of tokens takes one cell per layer that a member holds, so the
 * member with the most layers is the limit.
 */
export function groupCapacity({ model, cluster, engine }: MemoryPlan): Capacity {
  const { memoryBytes, reserveBytes } = cluster.hardware;
  const numLayers = Math.ceil(model.numLayers / cluster.stagesPerGroup);
  const weightBytes = residentWeightBytes(model) + numLayers * layerWeightBytes(model);
  const kvBytes = memoryBytes - reserveBytes - weightBytes;
  const cells = Math.max(0, Math.floor(kvBytes / kvCellBytes(model, engine.blockSizeTokens)));
  return { weightBytes, kvBytes, kvTokens: Math.floor(cells / numLayers) * engine.blockSizeTokens };
}
