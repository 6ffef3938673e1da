/** Dimensions of a Llama-family decoder: all that memory accounting and the cost model need to know of it. */
export interface ModelShape {
  readonly name: string;
  readonly numLayers: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  readonly numHeads: number;
  /** Heads of K and V; `numHeads / numKvHeads` query heads share one (grouped-query attention). */
  readonly numKvHeads: number;
  readonly headDim: number;
  /** Inner width of the SwiGLU feed-forward. */
  readonly ffnSize: number;
  readonly vocabSize: number;
  /** Bytes of one weight and of one K or V element: 4 where TensorFlow really runs it (float32). */
  readonly bytesPerWeight: number;
  readonly bytesPerKvElement: number;
  readonly ropeTheta: number;
}

/** Contiguous layers `[first, first + count)`. */
export interface LayerRange {
  readonly first: number;
  readonly count: number;
}

/** Whether the layer is one of them. */
export function holdsLayer({ first, count }: LayerRange, layer: number): boolean {
  return layer >= first && layer < first + count;
}

/** Bytes of the weights of one layer: Q, K, V, O projections, the three SwiGLU matrices, two norms. */
export function layerWeightBytes(shape: ModelShape): number {
  const attention = shape.hiddenSize * shape.headDim * (2 * shape.numHeads + 2 * shape.numKvHeads);
  const feedForward = 3 * shape.hiddenSize * shape.ffnSize;
  return (attention + feedForward + 2 * shape.hiddenSize) * shape.bytesPerWeight;
}

/** Bytes that every instance keeps however many layers it gives up: embedding, output head, final norm. */
export function residentWeightBytes(shape: ModelShape): number {
  return (2 * shape.vocabSize * shape.hiddenSize + shape.hiddenSize) * shape.bytesPerWeight;
}

/** Bytes of the weights of an instance that holds `numLayers` layers. */
export function heldWeightBytes(shape: ModelShape, numLayers: number): number {
  return residentWeightBytes(shape) + numLayers * layerWeightBytes(shape);
}

/** Returns the bytes of the weights of the whole model. */
export function modelWeightBytes(shape: ModelShape): number {
  return heldWeightBytes(shape, shape.numLayers);
}

/** Bytes of a KV cell, which is K and V of one layer for one block of tokens: the single unit of KV memory. */
export function kvCellBytes(shape: ModelShape, blockSizeTokens: number): number {
  return 2 * shape.numKvHeads * shape.headDim * blockSizeTokens * shape.bytesPerKvElement;
}
