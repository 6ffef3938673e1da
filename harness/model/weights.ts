import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { createRng } from '../base/rng.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { tensorBytes, type TensorOps } from './tensor-ops.ts';

/**
 * Deviation of the attention scores before the softmax. At 2 a query puts most of its weight on a handful of tokens
 * of a context of some hundreds, so that losing any one block of them shows in the logits.
 */
const scoreDeviation = 2;

/** Averaging over those tokens shrinks what attention adds to the residual stream; this makes up for it. */
const attentionGain = 2;

/** Weights of one decoder layer, `[inputs, outputs]` each; the norms' gains carry the `sqrt(hiddenSize)` of RMSNorm. */
export interface LayerWeights {
  readonly attentionNorm: DeviceTensor;
  /** Q, K and V projections side by side, `1 / sqrt(headDim)` folded into Q; pairs of columns rotate together. */
  readonly queryKeyValue: DeviceTensor;
  readonly output: DeviceTensor;
  readonly ffnNorm: DeviceTensor;
  readonly gate: DeviceTensor;
  readonly up: DeviceTensor;
  readonly down: DeviceTensor;
}

/** What every instance keeps whatever layers it holds. */
export interface ResidentWeights {
  readonly embedding: DeviceTensor;
  readonly finalNorm: DeviceTensor;
  readonly head: DeviceTensor;
}

/** Where an instance's weights come from; the tensors are the caller's to free. */
export interface WeightLoader {
  loadResident(): ResidentWeights;
  loadLayer(layer: number): LayerWeights;
}

/** Generates the weights anew each time: they depend on the seed and the shape alone. */
export function seededWeights(ops: TensorOps, shape: ModelShape, seed: number): WeightLoader {
  return {
    loadResident: () => loadResidentWeights(ops, shape, seed),
    loadLayer: (layer) => loadLayerWeights(ops, shape, seed, layer),
  };
}

/** Random weights of one layer; the same seed and layer always give the same numbers, in whatever order they load. */
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

/** The same weights in memory of their own, as an instance gets them from a peer. */
export function copyWeights(ops: TensorOps, weights: LayerWeights): LayerWeights {
  return mapNamed<keyof LayerWeights, DeviceTensor, DeviceTensor>(weights, (tensor) => ops.copy(tensor));
}

/** Another value under each name, in the same order. */
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

/** Deviation `gain / sqrt(inputs)`, which keeps the size of what flows through at `gain`. */
function randomMatrices(ops: TensorOps, seed: number, owner: string) {
  return (name: string, inputs: number, outputs: number, gain = 1): DeviceTensor => {
    const rng = createRng(seed, `weights/${owner}/${name}`);
    const words = [rng.integer(2 ** 31), rng.integer(2 ** 31)] as const;
    return ops.randomNormal([inputs, outputs], words, gain / Math.sqrt(inputs));
  };
}

/** `x / |x| * sqrt(n)` is `x` over its root mean square: one reduction, and the factor is free inside the gain. */
function normGain(ops: TensorOps, size: number): DeviceTensor {
  return ops.constant(Math.sqrt(size), [size]);
}
