import { describe, expect, it } from 'vitest';
import { layerWeightBytes, residentWeightBytes } from '../../harness/domain/model-shape.ts';
import {
  freeWeights,
  loadLayerWeights,
  loadResidentWeights,
  weightBytes,
} from '../../harness/model/weights.ts';
import { backend, ops, tinyShape } from './support.ts';

function contents(layer: number, seed: number): number[] {
  const weights = loadLayerWeights(ops, tinyShape, seed, layer);
  const values = [...ops.read(weights.queryKeyValue), ...ops.read(weights.gate), ...ops.read(weights.down)];
  freeWeights(ops, weights);
  return values;
}

describe('weights', () => {
  it('come back the same after a layer was dropped, in whatever order', () => {
    const first = contents(2, 1);
    contents(0, 1);
    expect(contents(2, 1)).toEqual(first);
  });

  it('differ between layers, seeds and matrices', () => {
    const starts = [contents(0, 1), contents(1, 1), contents(0, 2)].map(([value]) => value);
    expect(new Set(starts).size).toBe(3);
    const weights = loadLayerWeights(ops, tinyShape, 1, 0);
    expect(ops.read(weights.gate)[0]).not.toBe(ops.read(weights.up)[0]);
    freeWeights(ops, weights);
  });

  it('take the bytes that the ledger counts with, and give all of them back', () => {
    const before = backend.numTensors();
    const layer = loadLayerWeights(ops, tinyShape, 1, 0);
    const resident = loadResidentWeights(ops, tinyShape, 1);
    expect(weightBytes(layer)).toBe(layerWeightBytes(tinyShape));
    expect(weightBytes(resident)).toBe(residentWeightBytes(tinyShape));
    freeWeights(ops, layer);
    freeWeights(ops, resident);
    expect(backend.numTensors()).toBe(before);
  });
});
