import { describe, expect, it } from 'vitest';
import { ModelInstance } from '../../harness/model/model-instance.ts';
import { RopeTable } from '../../harness/model/rope.ts';
import { type BatchEntry, firstRows } from '../../harness/model/step-plan.ts';
import { seededWeights } from '../../harness/model/weights.ts';
import { matrixOf, referenceLogits } from './reference-decoder.ts';
import { allLayers, backend, ops, tinyShape } from './support.ts';

const seed = 11;

function createModel(layers = allLayers(tinyShape)): ModelInstance {
  const weights = seededWeights(ops, tinyShape, seed);
  return new ModelInstance(ops, { shape: tinyShape, weights, blockSizeTokens: 4, layers, numCells: 400 });
}

/** Logits of every new token of the batch, entry by entry. */
function logitsOf(
  models: readonly ModelInstance[],
  batch: readonly BatchEntry[],
  texts: readonly number[][],
) {
  const tokens = Int32Array.from(
    batch.flatMap(({ requestId, pastTokens, numTokens }) =>
      texts[requestId]!.slice(pastTokens, pastTokens + numTokens),
    ),
  );
  const perStage = tinyShape.numLayers / models.length;
  let input: Parameters<ModelInstance['runLayers']>[0]['input'] = { tokens };
  for (const [stage, model] of models.entries()) {
    const layers = { first: stage * perStage, count: perStage };
    model.reserveKv(batch, layers);
    input = { hidden: model.runLayers({ batch, layers, input }) };
  }
  const { hidden } = input as { hidden: Parameters<ModelInstance['logits']>[0] };
  const starts = firstRows(batch);
  const results = batch.map(({ numTokens }, index) => {
    const logits = models[0]!.logits(
      hidden,
      Int32Array.from({ length: numTokens }, (_, row) => starts[index]! + row),
    );
    const matrix = matrixOf(logits);
    ops.free(logits);
    return matrix;
  });
  ops.free(hidden);
  return results;
}

function text(length: number, salt: number): number[] {
  return Array.from(
    { length },
    (_, index) => (index * 37 + salt * 11 + ((index * index) % 13)) % tinyShape.vocabSize,
  );
}

function maxDifference(actual: number[][], expected: number[][]): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...actual.flatMap((row, i) => row.map((value, j) => Math.abs(value - expected[i]![j]!))));
}

describe('forward pass', () => {
  const texts = [text(23, 1), text(9, 2), text(17, 3), text(30, 4)];
  const expected = texts.map((tokens) => referenceLogits(tinyShape, seed, tokens));

  it('agrees with textbook loops on a whole prompt', () => {
    const model = createModel();
    const [logits] = logitsOf([model], [{ requestId: 0, numTokens: 23, pastTokens: 0 }], texts);
    expect(maxDifference(logits!, expected[0]!)).toBeLessThan(1e-4);
    model.dispose();
  });

  it('agrees when chunked prefill and decode of many requests share batches', () => {
    const model = createModel();
    const past = texts.map(() => 0);
    const chunks = [
      [7, 4, 4, 1],
      [1, 4, 1, 15],
      [8, 1, 1, 1],
      [1, 0, 10, 1],
      [5, 0, 1, 12],
      [1, 0, 0, 0],
    ];
    for (const sizes of chunks) {
      const batch = sizes
        .map((numTokens, requestId) => ({ requestId, numTokens, pastTokens: past[requestId]! }))
        .filter(({ numTokens }) => numTokens > 0);
      const results = logitsOf([model], batch, texts);
      for (const [index, { requestId, numTokens, pastTokens }] of batch.entries()) {
        const wanted = expected[requestId]!.slice(pastTokens, pastTokens + numTokens);
        expect(maxDifference(results[index]!, wanted)).toBeLessThan(1e-4);
        past[requestId] = pastTokens + numTokens;
      }
    }
    expect(past).toEqual(texts.map((tokens) => tokens.length));
    model.dispose();
  });

  it('agrees when two instances each run half of the layers', () => {
    const half = tinyShape.numLayers / 2;
    const models = [createModel({ first: 0, count: half }), createModel({ first: half, count: half })];
    const batches = [
      [
        { requestId: 0, numTokens: 20, pastTokens: 0 },
        { requestId: 1, numTokens: 8, pastTokens: 0 },
      ],
      [
        { requestId: 1, numTokens: 1, pastTokens: 8 },
        { requestId: 0, numTokens: 1, pastTokens: 20 },
      ],
    ];
    for (const batch of batches) {
      const results = logitsOf(models, batch, texts);
      for (const [index, { requestId, numTokens, pastTokens }] of batch.entries()) {
        const wanted = expected[requestId]!.slice(pastTokens, pastTokens + numTokens);
        expect(maxDifference(results[index]!, wanted)).toBeLessThan(1e-4);
      }
    }
    for (const model of models) model.dispose();
  });

  it('agrees on a prompt that attends in several pieces', () => {
    const long = text(300, 5);
    const model = createModel();
    const [logits] = logitsOf([model], [{ requestId: 0, numTokens: 300, pastTokens: 0 }], [long]);
    expect(maxDifference(logits!, referenceLogits(tinyShape, seed, long))).toBeLessThan(1e-4);
    model.dispose();
  });

  it('rotates by angles of positions far beyond the first table', () => {
    const rope = new RopeTable(ops, tinyShape);
    const factors = rope.factors(Int32Array.of(0, 5000));
    const values = ops.asFloat(factors);
    const { headDim, numHeads, numKvHeads, ropeTheta } = tinyShape;
    const columns = (numHeads + 2 * numKvHeads) * headDim;
    const row = ops.read(values).subarray(columns, 2 * columns);
    const angle = 5000 * ropeTheta ** (-2 / headDim);
    expect(row[2]).toBeCloseTo(Math.cos(angle), 5);
    expect(row[3]).toBeCloseTo(Math.sin(angle), 5);
    expect([...row.subarray(columns - 4)]).toEqual([1, 0, 1, 0]);
    ops.free(factors, values);
    rope.dispose();
  });

  it('leaves no tensor behind', () => {
    const before = backend.numTensors();
    const model = createModel();
    const held = backend.numTensors();
    logitsOf([model], [{ requestId: 0, numTokens: 10, pastTokens: 0 }], texts);
    expect(backend.numTensors()).toBe(held);
    model.dispose();
    expect(backend.numTensors()).toBe(before);
  });
});
