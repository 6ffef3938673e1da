import type { Hardware } from '../domain/hardware.ts';
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

/** What a group's memory depends on. */
export interface MemoryPlan {
  readonly model: ModelShape;
  /** The hardware of each of the group's instances. */
  readonly hardware: Hardware;
  readonly stagesPerGroup: number;
  readonly blockSizeTokens: number;
}

interface PlannedCluster {
  readonly model: ModelShape;
  readonly cluster: ClusterSpec;
  readonly engine: EngineSpec;
}

export function memoryPlanOf({ model, cluster, engine }: PlannedCluster): MemoryPlan {
  const { hardware, stagesPerGroup } = cluster;
  return { model, hardware, stagesPerGroup, blockSizeTokens: engine.blockSizeTokens };
}

/**
 * Computes the memory of a group. A block of tokens takes one cell per layer that a member holds, so the
 * member with the most layers is the limit.
 */
export function groupCapacity({ model, hardware, stagesPerGroup, blockSizeTokens }: MemoryPlan): Capacity {
  const { memoryBytes, reserveBytes } = hardware;
  const numLayers = Math.ceil(model.numLayers / stagesPerGroup);
  const weightBytes = residentWeightBytes(model) + numLayers * layerWeightBytes(model);
  const kvBytes = memoryBytes - reserveBytes - weightBytes;
  const cells = Math.max(0, Math.floor(kvBytes / kvCellBytes(model, blockSizeTokens)));
  return { weightBytes, kvBytes, kvTokens: Math.floor(cells / numLayers) * blockSizeTokens };
}
