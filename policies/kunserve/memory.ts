import {
  heldWeightBytes,
  kvCellBytes,
  layerWeightBytes,
  type PolicyDeps,
} from '../../harness/policy/index.ts';

/** Sizes that follow from the model and the hardware. */
export interface MemoryUnits {
  /**
   * Bytes of the weights of all layers: what dropping one copy frees. Embedding and output head stay on every
   * instance.
   */
  readonly copyBytes: number;
  /** Bytes of the KV of one block of tokens in all layers. */
  readonly blockBytes: number;
  /** KV cells of an instance that holds the whole model. A cell is one layer of one block. */
  readonly undroppedCells: number;
  /**
   * Returns the KV blocks that a pipeline of `numInstances` instances can hold if its layers are divided
   * evenly.
   */
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
