import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { AttentionGroup, SlabRows, StepPlan } from './step-plan.ts';
import type { RemoteClock } from './remote-clock.ts';
import type { TensorOps } from './tensor-ops.ts';
import type { LayerWeights } from './weights.ts';

/** Everything that a layer needs besides its weights and its input. */
export interface LayerContext {
  readonly ops: TensorOps;
  readonly shape: ModelShape;
  readonly plan: StepPlan;
  /** Result of `RopeTable.factors` for the step's tokens. */
  readonly ropeFactors: DeviceTensor;
  /** Times attention on KV of other instances; undefined if the step has none. */
  readonly remoteClock?: RemoteClock | undefined;
}

/**
 * Runs one decoder layer, `[totalTokens, hiddenSize] -> [totalTokens, hiddenSize]`. Disposes the input and
 * writes K and V of the new tokens into the slabs.
 */
export function runLayer(
  context: LayerContext,
  weights: LayerWeights,
  layer: number,
  input: DeviceTensor,
): DeviceTensor {
  const { ops } = context;
  const normed = rmsNorm(ops, input, weights.attentionNorm);
  const attended = ops.freeing(attention(context, weights, layer, normed), normed);
  const projected = ops.freeing(ops.matMul(attended, weights.output), attended);
  const middle = ops.freeing(ops.add(input, projected), input, projected);
  const fed = feedForward(ops, weights, middle);
  return ops.freeing(ops.add(middle, fed), middle, fed);
}

/** Root-mean-square norm over the last dimension. `gain` includes the factor `sqrt(n)`. */
export function rmsNorm(ops: TensorOps, x: DeviceTensor, gain: DeviceTensor): DeviceTensor {
  const norm = ops.rowNorm(x);
  const unit = ops.freeing(ops.divide(x, norm), norm);
  return ops.freeing(ops.multiply(unit, gain), unit);
}

/** SwiGLU feed-forward with its norm: `(silu(x gate) * (x up)) down`. */
function feedForward(ops: TensorOps, weights: LayerWeights, input: DeviceTensor): DeviceTensor {
  const normed = rmsNorm(ops, input, weights.ffnNorm);
  const gate = ops.matMul(normed, weights.gate);
  const up = ops.freeing(ops.matMul(normed, weights.up), normed);
  const sigmoid = ops.sigmoid(gate);
  const activated = ops.freeing(ops.multiply(gate, sigmoid), gate, sigmoid);
  const gated = ops.freeing(ops.multiply(activated, up), activated, up);
  return ops.freeing(ops.matMul(gated, weights.down), gated);
}

/** Attention of all groups, `[totalTokens, hiddenSize] -> [totalTokens, numHeads * headDim]`. */
function attention(
  context: LayerContext,
  weights: LayerWeights,
  layer: number,
  normed: DeviceTensor,
): DeviceTensor {
  const { ops, plan } = context;
  const projected = ops.matMul(normed, weights.queryKeyValue);
  const [queries, keysAndValues] = rotate(context, projected);
  storeKv(context, layer, keysAndValues);
  const [group] = plan.groups;
  if (group !== undefined && plan.groups.length === 1) {
    return ops.freeing(attendWhereKvIs(context, layer, group, queries), queries);
  }
  const outputs = plan.groups.map((part) => {
    const rows = ops.sliceRows(queries, part.firstRow, part.pieces.length * part.numTokens);
    return ops.freeing(attendWhereKvIs(context, layer, part, rows), rows);
  });
  return ops.freeing(ops.concatRows(outputs), queries, ...outputs);
}

/**
 * Rotates Q and K by their positions and splits Q from K and V. Both results consist of pairs of columns.
 * Disposes the input.
 */
function rotate(context: LayerContext, projected: DeviceTensor): readonly [DeviceTensor, DeviceTensor] {
  const { ops, shape, plan, ropeFactors } = context;
  const queryPairs = (shape.numHeads * shape.headDim) / 2;
  const keyValuePairs = shape.numKvHeads * shape.headDim;
  const pairs = ops.freeing(
    ops.reshape(projected, [plan.totalTokens, queryPairs + keyValuePairs, 2]),
    projected,
  );
  const complex = ops.freeing(ops.asComplex(pairs), pairs);
  const rotated = ops.freeing(ops.multiply(complex, ropeFactors), complex);
  const rotatedPairs = ops.freeing(ops.asFloat(rotated), rotated);
  const parts = ops.splitColumns(rotatedPairs, [queryPairs, keyValuePairs]);
  ops.free(rotatedPairs);
  return parts;
}

/** Writes K and V of the new tokens into the slabs. Disposes the input. */
function storeKv(context: LayerContext, layer: number, keysAndValues: DeviceTensor): void {
  const { ops, plan } = context;
  const [slab] = plan.slabs;
  if (slab !== undefined && plan.slabs.length === 1) {
    storeSlabRows(context, layer, slab, keysAndValues);
    return;
  }
  for (const part of plan.slabs) {
    storeSlabRows(context, layer, part, ops.sliceRows(keysAndValues, part.firstRow, part.numTokens));
  }
  ops.free(keysAndValues);
}

function storeSlabRows(
  { ops, plan }: LayerContext,
  layer: number,
  slab: SlabRows,
  keysAndValues: DeviceTensor,
): void {
  const { numKvHeads, headDim } = slab.kv.shape;
  const rows = plan.writeRows(slab, layer);
  const shape = [slab.numTokens * 2 * numKvHeads, headDim];
  const values = ops.freeing(ops.reshape(keysAndValues, shape), keysAndValues);
  slab.kv.writeRows(rows, values);
  ops.free(rows, values);
}

/**
 * Computes the attention of a group as the instance that holds its KV would, timed separately if that is
 * another instance.
 */
function attendWhereKvIs(
  context: LayerContext,
  layer: number,
  group: AttentionGroup,
  queries: DeviceTensor,
): DeviceTensor {
  const attend = (): DeviceTensor => attendGroup(context, layer, group, queries);
  return context.remoteClock === undefined ? attend() : context.remoteClock.time(group.kv, queries, attend);
}

/**
 * Attention of one group over its paged context. Query heads that share a KV head share the gathered K and V.
 * Takes rows of queries in any shape and returns `[rows, numHeads * headDim]`.
 */
function attendGroup(
  context: LayerContext,
  layer: number,
  group: AttentionGroup,
  queries: DeviceTensor,
): DeviceTensor {
  const { ops, shape, plan } = context;
  const { kv } = group;
  const { numHeads, numKvHeads, headDim } = shape;
  const numPieces = group.pieces.length;
  const contextTokens = group.numBlocks * kv.shape.blockSizeTokens;
  const contextShape = [numPieces, numKvHeads, 1, contextTokens, headDim];
  const dims = [numPieces, numKvHeads, numHeads / numKvHeads, group.numTokens, headDim] as const;

  const blocks = plan.contextBlocks(layer, group);
  const byHead = headsFirst(ops, queries, dims);
  const keys = gatherContext(ops, kv.headBlocks, blocks.keys, contextShape);
  const scores = ops.freeing(ops.batchMatMulTransposed(byHead, keys), byHead, keys);
  const masked = ops.freeing(ops.add(scores, group.mask), scores);
  const weights = ops.freeing(ops.softmax(masked), masked);
  const values = gatherContext(ops, kv.headBlocks, blocks.values, contextShape);
  const attended = ops.freeing(ops.batchMatMul(weights, values), weights, values);
  ops.free(blocks.keys, blocks.values);
  return tokensFirst(ops, attended, dims);
}

function gatherContext(
  ops: TensorOps,
  headBlocks: DeviceTensor,
  blocks: DeviceTensor,
  shape: readonly number[],
): DeviceTensor {
  const gathered = ops.gather(headBlocks, blocks);
  return ops.freeing(ops.reshape(gathered, shape), gathered);
}

/** `[pieces, KV heads, query heads per KV head, tokens, headDim]`. */
type HeadDims = readonly [number, number, number, number, number];

/** Converts rows of tokens to `HeadDims`. Keeps the input. */
function headsFirst(ops: TensorOps, queries: DeviceTensor, dims: HeadDims): DeviceTensor {
  const [numPieces, numKvHeads, groupSize, numTokens, headDim] = dims;
  if (numTokens === 1) return ops.reshape(queries, dims);
  const byToken = ops.reshape(queries, [numPieces, numTokens, numKvHeads, groupSize, headDim]);
  return ops.freeing(ops.transpose(byToken, [0, 2, 3, 1, 4]), byToken);
}

/** Converts `HeadDims` to rows of tokens, `[pieces * tokens, heads * headDim]`. Disposes the input. */
function tokensFirst(ops: TensorOps, attended: DeviceTensor, dims: HeadDims): DeviceTensor {
  const [numPieces, numKvHeads, groupSize, numTokens, headDim] = dims;
  const target = [numPieces * numTokens, numKvHeads * groupSize * headDim];
  if (numTokens === 1) return ops.freeing(ops.reshape(attended, target), attended);
  const byToken = ops.freeing(ops.transpose(attended, [0, 3, 1, 2, 4]), attended);
  return ops.freeing(ops.reshape(byToken, target), byToken);
}
