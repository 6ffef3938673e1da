import type { PolicyDeps } from '../../harness/policy/index.ts';

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
  const { numLayers, hiddenSize, headDim, bytesPerWeight } = model;
  // Projections of attention, three matrices of the feed-forward, two norms.
  const attention = hiddenSize * headDim * (2 * model.numHeads + 2 * model.numKvHeads);
  const layerBytes = (attention + 3 * hiddenSize * model.ffnSize + 2 * hiddenSize) * bytesPerWeight;
  // Embedding, output head, final norm.
  const residentBytes = (2 * model.vocabSize + 1) * hiddenSize * bytesPerWeight;
  const cellBytes = 2 * model.numKvHeads * headDim * blockSizeTokens * model.bytesPerKvElement;

  const cellsBeside = (numHeldLayers: number): number => {
    const weightBytes = residentBytes + numHeldLayers * layerBytes;
    return Math.max(0, Math.floor((hardware.memoryBytes - hardware.reserveBytes - weightBytes) / cellBytes));
  };
  return {
    copyBytes: numLayers * layerBytes,
    blockBytes: numLayers * cellBytes,
    undroppedCells: cellsBeside(numLayers),
    pipelineBlocks: (numInstances) => {
      const mostLayers = Math.ceil(numLayers / numInstances);
      return Math.floor(cellsBeside(mostLayers) / mostLayers);
    },
  };
}
