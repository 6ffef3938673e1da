import {
  type Hardware,
  heldWeightBytes,
  kvCellBytes,
  layerWeightBytes,
  type PolicyDeps,
} from '../../harness/policy/index.ts';

/** Sizes that follow from the model, and from the hardware of the instances asked about. */
export interface MemoryUnits {
  /**
   * Bytes of the weights of all layers: what dropping one copy frees. Embedding and output head stay on every
   * instance.
   */
  readonly copyBytes: number;
  /** Bytes of the KV of one block of tokens in all layers. */
  readonly blockBytes: number;
  /** Returns the KV cells of an instance on this hardware that holds the whole model. A cell is one layer of one block. */
  readonly undroppedCells: (hardware: Hardware) => number;
  /** Returns the KV blocks that a pipeline of instances on this hardware can hold if its layers are divided evenly. */
  readonly pipelineBlocks: (members: readonly Hardware[]) => number;
}

export function memoryUnits({
  model,
  blockSizeTokens,
}: Pick<PolicyDeps, 'model' | 'blockSizeTokens'>): MemoryUnits {
  const { numLayers } = model;
  const cellBytes = kvCellBytes(model, blockSizeTokens);
  const cellsBeside = (numHeldLayers: number, hardware: Hardware): number => {
    const kvBytes = hardware.memoryBytes - hardware.reserveBytes - heldWeightBytes(model, numHeldLayers);
    return Math.max(0, Math.floor(kvBytes / cellBytes));
  };
  return {
    copyBytes: numLayers * layerWeightBytes(model),
    blockBytes: numLayers * cellBytes,
    undroppedCells: (hardware) => cellsBeside(numLayers, hardware),
    pipelineBlocks: (members) => {
      const mostLayers = Math.ceil(numLayers / members.length);
      const cells = members.map((hardware) => cellsBeside(mostLayers, hardware));
      return Math.floor(Math.min(...cells) / mostLayers);
    },
  };
}
