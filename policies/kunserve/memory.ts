import {
  type Hardware,
  heldWeightBytes,
  kvCellBytes,
  layerWeightBytes,
  type PolicyDeps,
} from '../../harness/policy/index.ts';

/** What the memory of this model comes to. */
export interface MemoryUnits {
  /** Weights of all layers: what one dropped copy frees (embedding and output head stay on every instance). */
  readonly copyBytes: number;
  /** KV of one block of tokens in all layers. */
  readonly blockBytes: number;
  /** KV cells (one layer of a block) of an instance on this hardware that holds the whole model. */
  readonly undroppedCells: (hardware: Hardware) => number;
  /** KV blocks of a pipeline of instances on this hardware, its layers divided evenly. */
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
