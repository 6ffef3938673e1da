import type { DeviceTensor } from '../../harness/backend/tensorflow-backend.ts';
import type { ModelShape } from '../../harness/domain/model-shape.ts';
import { freeWeights, loadLayerWeights, loadResidentWeights } from '../../harness/model/weights.ts';
import { ops } from './support.ts';

type Matrix = number[][];

/** Logits of every position of a text by textbook loops over plain numbers: no cache, no paging, no batching. */
export function referenceLogits(shape: ModelShape, seed: number, tokens: readonly number[]): Matrix {
  const resident = loadResidentWeights(ops, shape, seed);
  const embedding = matrixOf(resident.embedding);
  let hidden = tokens.map((token) => embedding[token]!);
  for (let layer = 0; layer < shape.numLayers; layer += 1)
    hidden = referenceLayer(shape, seed, layer, hidden);
  const head = matrixOf(resident.head);
  freeWeights(ops, resident);
  return multiply(hidden.map(rmsNorm), head);
}

function referenceLayer(shape: ModelShape, seed: number, layer: number, input: Matrix): Matrix {
  const weights = loadLayerWeights(ops, shape, seed, layer);
  const matrices = {
    queryKeyValue: matrixOf(weights.queryKeyValue),
    output: matrixOf(weights.output),
    gate: matrixOf(weights.gate),
    up: matrixOf(weights.up),
    down: matrixOf(weights.down),
  };
  freeWeights(ops, weights);
  const attended = attention(shape, input.map(rmsNorm), matrices);
  const middle = addMatrices(input, multiply(attended, matrices.output));
  const normed = middle.map(rmsNorm);
  const up = multiply(normed, matrices.up);
  const gated = multiply(normed, matrices.gate).map((row, i) =>
    row.map((value, j) => (value / (1 + Math.exp(-value))) * up[i]![j]!),
  );
  return addMatrices(middle, multiply(gated, matrices.down));
}

function attention(shape: ModelShape, normed: Matrix, weights: { queryKeyValue: Matrix }): Matrix {
  const { numHeads, numKvHeads, headDim } = shape;
  const projected = multiply(normed, weights.queryKeyValue);
  const valueStart = (numHeads + numKvHeads) * headDim;
  const queryKey = projected.map((row, position) => rotate(shape, row.slice(0, valueStart), position));
  const values = projected.map((row) => row.slice(valueStart));
  return normed.map((_, position) => {
    const output: number[] = [];
    for (let head = 0; head < numHeads; head += 1) {
      const kvHead = Math.floor(head / (numHeads / numKvHeads));
      const keyStart = (numHeads + kvHead) * headDim;
      const scores: number[] = [];
      for (let other = 0; other <= position; other += 1) {
        let score = 0;
        for (let d = 0; d < headDim; d += 1) {
          score += queryKey[position]![head * headDim + d]! * queryKey[other]![keyStart + d]!;
        }
        scores.push(Math.exp(score));
      }
      const total = scores.reduce((sum, score) => sum + score, 0);
      for (let d = 0; d < headDim; d += 1) {
        output.push(
          scores.reduce(
            (sum, score, other) => sum + (score / total) * values[other]![kvHead * headDim + d]!,
            0,
          ),
        );
      }
    }
    return output;
  });
}

function rotate({ headDim, ropeTheta }: ModelShape, row: readonly number[], position: number): number[] {
  const rotated = [...row];
  for (let column = 0; column < row.length; column += 2) {
    const angle = position * ropeTheta ** (-(column % headDim) / headDim);
    rotated[column] = row[column]! * Math.cos(angle) - row[column + 1]! * Math.sin(angle);
    rotated[column + 1] = row[column]! * Math.sin(angle) + row[column + 1]! * Math.cos(angle);
  }
  return rotated;
}

function rmsNorm(row: readonly number[]): number[] {
  const meanSquare = row.reduce((sum, value) => sum + value * value, 0) / row.length;
  return row.map((value) => value / Math.sqrt(meanSquare));
}

function multiply(x: Matrix, y: Matrix): Matrix {
  return x.map((row) =>
    y[0]!.map((_, column) => row.reduce((sum, value, k) => sum + value * y[k]![column]!, 0)),
  );
}

function addMatrices(x: Matrix, y: Matrix): Matrix {
  return x.map((row, i) => row.map((value, j) => value + y[i]![j]!));
}

export function matrixOf(tensor: DeviceTensor): Matrix {
  const values = ops.read(tensor);
  const [rows, columns] = tensor.shape as [number, number];
  return Array.from({ length: rows }, (_, row) =>
    Array.from(values.subarray(row * columns, (row + 1) * columns)),
  );
}
