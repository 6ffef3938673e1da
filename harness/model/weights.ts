import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { createRng } from '../base/rng.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { tensorBytes, type TensorOps } from './tensor-ops.ts';

/**
 * Standard deviation of the attention scores before the softmax. At 2, a query puts most of its weight on a
 * handful of tokens in a context of some hundreds, so that losing any one block shows in the logits.
 */
const scoreDeviation = 2;

/**
 * Compensates for the averaging over those tokens, which shrinks the contribution of attention to the
 * residual stream.
 */
const attentionGain = 2;

/**
 * Weights of one decoder layer, `[inputs, outputs]` each. The gains of the norms include the
 * `sqrt(hiddenSize)` of RMSNorm.
 */
export interface LayerWeights {
  readonly attentionNorm: DeviceTensor;
  /**
   * Q, K and V projections side by side, with `1 / sqrt(headDim)` included in Q. Neighbouring pairs of
   * columns rotate together.
   */
  readonly queryKeyValue: DeviceTensor;
  readonly output: DeviceTensor;
  readonly ffnNorm: DeviceTensor;
  readonly gate: DeviceTensor;
  readonly up: DeviceTensor;
  readonly down: DeviceTensor;
}

/** Weights that every instance keeps, whichever layers it holds. */
export interface ResidentWeights {
  readonly embedding: DeviceTensor;
  readonly finalNorm: DeviceTensor;
  readonly head: DeviceTensor;
}

/** Source of an instance's weights. The caller must free the tensors. */
export interface WeightLoader {
  loadResident(): ResidentWeights;
  loadLayer(layer: number): LayerWeights;
}

/** Returns a loader that generates the weights on each call; they depend only on the seed and the shape. */
export function seededWeights(ops: TensorOps, shape: ModelShape, seed: number): WeightLoader {
  return {
    loadResident: () => loadResidentWeights(ops, shape, seed),
    loadLayer: (layer) => loadLayerWeights(ops, shape, seed, layer),
  };
}

/**
 * Generates random weights of one layer. The same seed and layer always give the same numbers, in whatever
 * order layers are loaded.
 */
export function loadLayerWeights(
  ops: TensorOps,
  shape: ModelShape,
  seed: number,
  layer: number,
): LayerWeights {
  const { hiddenSize, ffnSize, headDim, numHeads, numKvHeads } = shape;
  const random = randomMatrices(ops, seed, `layer ${layer}`);
  const query = random('query', hiddenSize, numHeads * headDim, scoreDeviation / Math.sqrt(headDim));
  const key = random('key', hiddenSize, numKvHeads * headDim);
  const value = random('value', hiddenSize, numKvHeads * headDim);
  return {
    attentionNorm: normGain(ops, hiddenSize),
    queryKeyValue: ops.freeing(ops.concatColumns([query, key, value]), query, key, value),
    output: random('output', numHeads * headDim, hiddenSize, attentionGain),
    ffnNorm: normGain(ops, hiddenSize),
    gate: random('gate', hiddenSize, ffnSize),
    up: random('up', hiddenSize, ffnSize),
    down: random('down', ffnSize, hiddenSize),
  };
}

export function loadResidentWeights(ops: TensorOps, shape: ModelShape, seed: number): ResidentWeights {
  const { hiddenSize, vocabSize } = shape;
  const random = randomMatrices(ops, seed, 'resident');
  return {
    embedding: random('embedding', vocabSize, hiddenSize, Math.sqrt(vocabSize)),
    finalNorm: normGain(ops, hiddenSize),
    head: random('head', hiddenSize, vocabSize),
  };
}

export function weightBytes(weights: LayerWeights | ResidentWeights): number {
  return tensorsOf(weights).reduce((bytes, tensor) => bytes + tensorBytes(tensor), 0);
}

/** Copies the weights into new memory, as an instance gets them from a peer. */
export function copyWeights(ops: TensorOps, weights: LayerWeights): LayerWeights {
  return mapNamed<keyof LayerWeights, DeviceTensor, DeviceTensor>(weights, (tensor) => ops.copy(tensor));
}

/** Maps each value of a record and keeps the names and their order. */
export function mapNamed<Name extends string, From, To>(
  named: Readonly<Record<Name, From>>,
  map: (value: From, name: Name) => To,
): Record<Name, To> {
  const entries = Object.entries(named) as [Name, From][];
  return Object.fromEntries(entries.map(([name, value]) => [name, map(value, name)])) as Record<Name, To>;
}

export function freeWeights(ops: TensorOps, weights: LayerWeights | ResidentWeights): void {
  ops.free(...tensorsOf(weights));
}

function tensorsOf(weights: LayerWeights | ResidentWeights): DeviceTensor[] {
  return Object.values(weights) as DeviceTensor[];
}

/**
 * Returns a generator of random matrices with standard deviation `gain / sqrt(inputs)`, which keeps the
 * standard deviation of the outputs at `gain` for inputs of 1.
 */
function randomMatrices(ops: TensorOps, seed: number, owner: string) {
  return (name: string, inputs: number, outputs: number, gain = 1): DeviceTensor => {
    const rng = createRng(seed, `weights/${owner}/${name}`);
    const words = [rng.integer(2 ** 31), rng.integer(2 ** 31)] as const;
    return ops.randomNormal([inputs, outputs], words, gain / Math.sqrt(inputs));
  };
}

/**
 * Returns a gain of `sqrt(n)`: `x / |x| * sqrt(n)` is `x` divided by its root mean square, which takes one
 * reduction and no extra product.
 */
function normGain(ops: TensorOps, size: number): DeviceTensor {
  return ops.constant(Math.sqrt(size), [size]);
}
