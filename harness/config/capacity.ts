import type { Hardware } from '../domain/hardware.ts';
import { kvCellBytes, layerWeightBytes, residentWeightBytes } from '../domain/model-shape.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { ClusterSpec, EngineSpec } from './resolved.ts';

/** What one group (one copy of the model) has, on its tightest member. */
export interface Capacity {
  /** Weights on the member that holds most of them. */
  readonly weightBytes: number;
  /** Device memory left for KV there; negative where not even the weights fit. */
  readonly kvBytes: number;
  /** Tokens whose KV the group can keep. */
  readonly kvTokens: number;
}

/** What a group's memory depends on. */
export interface MemoryPlan {
  readonly model: ModelShape;
  /** Of each of its instances. */
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

/** A block of tokens costs one cell per layer that a member holds, so the member with most layers is the limit. */
export function groupCapacity({ model, hardware, stagesPerGroup, blockSizeTokens }: MemoryPlan): Capacity {
  const { memoryBytes, reserveBytes } = hardware;
  const numLayers = Math.ceil(model.numLayers / stagesPerGroup);
  const weightBytes = residentWeightBytes(model) + numLayers * layerWeightBytes(model);
  const kvBytes = memoryBytes - reserveBytes - weightBytes;
  const cells = Math.max(0, Math.floor(kvBytes / kvCellBytes(model, blockSizeTokens)));
  return { weightBytes, kvBytes, kvTokens: Math.floor(cells / numLayers) * blockSizeTokens };
}
