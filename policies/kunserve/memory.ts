import {
  heldWeightBytes,
  kvCellBytes,
  layerWeightBytes,
  type PolicyDeps,
} from '../../harness/policy/index.ts';

/** What the memory of this model on this hardware comes to. */
export interface MemoryUnits {
  /** Weights of all layers: what one dropped copy frees (embedding and output head stay on every instance). */
  readonly copyBytes: number;
  /** KV of one block of tokens in all layers. */
  readonly blockBytes: number;
  /** KV cells (one layer of a block) of an instance that holds the whole model. */
  readonly undroppedCells: number;
  /** KV blocks of a pipeline of so many instances, its layers divided evenly. */
  readonly pipelineBlocks: (numInstances: number) => number;
}

export function memoryUnits({ model, hardware, blockSizeTokens }: PolicyDeps): MemoryUnits {
  const { numLayers } = model;
  const cellBytes = kvCellBytes(model, blockSizeTokens);
  const cellsBeside = (numHeldLayers: number): number => {
    const kvBytes = hardware.memoryBytes - hardware.reserveBytes - heldWeightBytes(model, numHeldLayers);
    return Math.max(0, Math.floor(kvBytes / cellBytes));
  };
  return {
    copyBytes: numLayers * layerWeightBytes(model),
    blockBytes: numLayers * cellBytes,
    undroppedCells: cellsBeside(numLayers),
    pipelineBlocks: (numInstances) => {
      const mostLayers = Math.ceil(numLayers / numInstances);
      return Math.floor(cellsBeside(mostLayers) / mostLayers);
    },
  };
}
