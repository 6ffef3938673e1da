import { writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asInstanceId } from '../../harness/domain/ids.ts';
import type { WeightSource } from '../../harness/core/executor.ts';
import { heldWeightBytes } from '../../harness/domain/model-shape.ts';
import { WeightStore } from '../../harness/model/weight-store.ts';
import {
  copyWeights,
  freeWeights,
  type LayerWeights,
  loadLayerWeights,
  loadResidentWeights,
  type ResidentWeights,
} from '../../harness/model/weights.ts';
import { all, back, Driver, expectSound, front, seed, whole } from './measured-driver.ts';
import { backend, ops, tinyShape } from './support.ts';

function valuesOf(weights: LayerWeights | ResidentWeights): Record<string, readonly number[]> {
  const values = Object.entries(weights).map(([name, tensor]) => [name, [...ops.read(tensor)]] as const);
  freeWeights(ops, weights);
  return Object.fromEntries(values);
}

describe('WeightStore', () => {
  it('gives from disk and from host memory what it was written from, each time', () => {
    const before = backend.numTensors();
    const store = new WeightStore(ops, tinyShape, seed);
    expect(valuesOf(store.loadResident())).toEqual(valuesOf(loadResidentWeights(ops, tinyShape, seed)));
    for (const layer of [3, 0, 2, 0]) {
      const generated = valuesOf(loadLayerWeights(ops, tinyShape, seed, layer));
      expect(valuesOf(store.loadLayer(layer))).toEqual(generated);
      expect(valuesOf(store.loadLayerFromHost(layer))).toEqual(generated);
      expect(valuesOf(copyWeights(ops, store.loadLayerFromHost(layer)))).toEqual(generated);
    }
    expect(() => store.loadLayer(4)).toThrow('layer 4');
    store.dispose();
    expect(backend.numTensors()).toBe(before + 4 * 7);
  });

  it('reads host memory once: a later fault of the disk does not reach it', () => {
    const store = new WeightStore(ops, tinyShape, seed);
    const before = valuesOf(store.loadLayerFromHost(0));
    const numBytes = heldWeightBytes(tinyShape, 1);
    writeSync(store.descriptor, new Uint8Array(numBytes), 0, numBytes, 0);
    expect(valuesOf(store.loadLayerFromHost(0))).toEqual(before);
    expect(new Set(valuesOf(store.loadLayer(0))['gate'])).toEqual(new Set([0]));
    store.dispose();
    expect(() => store.loadLayer(1)).toThrow('EBADF');
  });
});

/** Instance 0 runs with all layers, gives up the back, and gets it again from `sources`; 1 keeps all of them. */
function checkAfterReload(sources: readonly WeightSource[], fault: (driver: Driver) => void = () => {}) {
  const driver = new Driver();
  driver.start(0);
  driver.start(1);
  driver.admit(0, 14, 10);
  driver.run([0], whole(0), 3);
  driver.executor.reshapeInstance(asInstanceId(0), front, 500);
  expect(driver.executor.audit(asInstanceId(0))).toMatchObject({
    weightBytes: heldWeightBytes(tinyShape, 2),
    totalCells: 500,
  });
  fault(driver);
  driver.executor.reshapeInstance(asInstanceId(0), all, 400, sources);
  expect(driver.executor.audit(asInstanceId(0))).toMatchObject({
    weightBytes: heldWeightBytes(tinyShape, 4),
    totalCells: 400,
  });
  driver.executor.stopInstance(asInstanceId(1));
  driver.run([0], whole(0));
  return driver;
}

const sources = {
  peer: [{ layers: back, from: asInstanceId(1) }],
  host: [{ layers: back, from: 'host' }],
  disk: [{ layers: back, from: 'disk' }],
  'a peer and the host': [
    { layers: { first: 2, count: 1 }, from: asInstanceId(1) },
    { layers: { first: 3, count: 1 }, from: 'host' },
  ],
} as const satisfies Record<string, readonly WeightSource[]>;

/** Zeros the rows of one matrix where they lie. */
function corruptPeer({ executor }: Driver): void {
  const { down } = executor.instance(asInstanceId(1)).model.layerWeights(3);
  const rows = ops.tensor(Int32Array.of(5, 6, 7), [3]);
  const zeros = ops.tensor(new Float32Array(3 * tinyShape.hiddenSize), [3, tinyShape.hiddenSize]);
  ops.writeRows(down, rows, zeros);
  ops.free(rows, zeros);
}

/** Zeros part of the last matrix of the last layer. */
function corruptFile({ executor }: Driver): void {
  const numBytes = 3 * 4 * tinyShape.hiddenSize;
  writeSync(executor.weights.descriptor, new Uint8Array(numBytes), 0, numBytes, fileBytes - numBytes);
}

const fileBytes = heldWeightBytes(tinyShape, tinyShape.numLayers);

describe('weights that an instance gets again', () => {
  it.each(Object.keys(sources) as (keyof typeof sources)[])('from %s give verified tokens', (name) => {
    const before = backend.numTensors();
    expectSound(checkAfterReload(sources[name]), [0]);
    expect(backend.numTensors()).toBe(before);
  });

  it.each([
    ['a corrupted peer', sources.peer, corruptPeer],
    ['a corrupted file', sources.disk, corruptFile],
    ['a file that was corrupted before the host read it', sources.host, corruptFile],
  ] as const)('from %s fail the token check', (_, from, corrupt) => {
    const check = checkAfterReload(from, corrupt).finish([0]);
    expect(check.verifiedTokens).toBe(3);
    expect(check.failures[0]).toMatchObject({ requestId: 0, tokenIndex: 3 });
  });

  it('are a copy of the peer: what happens to the peer later does not reach it', () => {
    const driver = checkAfterReload(sources.host);
    driver.start(1);
    driver.executor.reshapeInstance(asInstanceId(0), front, 400);
    driver.executor.reshapeInstance(asInstanceId(0), all, 400, sources.peer);
    corruptPeer(driver);
    driver.admit(1, 10, 5);
    driver.run([1], whole(0));
    expectSound(driver, [0, 1]);
  });

  it('are not made up where no source names them, or the peer lacks them', () => {
    const driver = new Driver();
    driver.start(0, front);
    driver.start(1, front);
    const { executor } = driver;
    const third = [{ layers: { first: 2, count: 1 }, from: 'disk' }] as const;
    expect(() => executor.reshapeInstance(asInstanceId(0), all, 400)).toThrow(
      'a source of weights of layer 2',
    );
    expect(() => executor.reshapeInstance(asInstanceId(0), all, 400, third)).toThrow(
      'a source of weights of layer 3',
    );
    expect(() => executor.reshapeInstance(asInstanceId(1), all, 400, sources.peer)).toThrow(
      'weights of layer 2',
    );
    executor.close();
  });

  it('are read from the file by an instance that starts', () => {
    const driver = new Driver();
    corruptFile(driver);
    driver.start(0);
    driver.admit(0, 10, 4);
    driver.run([0], whole(0));
    expect(driver.finish([0]).failures.length).toBeGreaterThan(0);
  });
});
