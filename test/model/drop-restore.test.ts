import { describe, expect, it } from 'vitest';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import type { LayerRange } from '../../harness/domain/model-shape.ts';
import { heldWeightBytes } from '../../harness/domain/model-shape.ts';
import {
  all,
  back,
  blockSizeTokens,
  Driver,
  expectSound,
  front,
  pipeline,
  whole,
} from './measured-driver.ts';
import { backend, tinyShape } from './support.ts';

/** Two whole instances, requests 0 and 1 on the first, 2 on the second. */
function start(): Driver {
  const driver = new Driver();
  driver.start(0);
  driver.start(1);
  for (const [id, prompt] of [14, 9, 11].entries()) driver.admit(id, prompt, 20);
  driver.run([0, 1], whole(0), 5);
  driver.run([2], whole(1), 4);
  return driver;
}

function expectHeld(driver: Driver, instance: number, held: { layers: number; cells: number }): void {
  expect(driver.executor.audit(asInstanceId(instance))).toMatchObject({
    weightBytes: heldWeightBytes(tinyShape, held.layers),
    usedCells: held.cells,
  });
}

function cellsOf(driver: Driver, ids: readonly number[], numLayers: number): number {
  const blocks = ids.map((id) => Math.ceil(driver.computed.get(id)! / blockSizeTokens));
  return numLayers * blocks.reduce((sum, count) => sum + count, 0);
}

/** Copies without giving the source's cells back. */
function copy(driver: Driver, id: number, layers: LayerRange, ends: { from: number; to: number }): void {
  driver.executor.copyKv(asRequestId(id), layers, {
    from: { instanceId: asInstanceId(ends.from), tier: 'device' },
    to: { instanceId: asInstanceId(ends.to), tier: 'device' },
    numTokens: driver.computed.get(id)!,
  });
}

describe('drop, exchange, restore', () => {
  it('keeps tokens right, and weights and cells at what the plan says, at every point', () => {
    const before = backend.numTensors();
    const driver = start();
    const { executor } = driver;
    expectHeld(driver, 0, { layers: 4, cells: cellsOf(driver, [0, 1], 4) });
    executor.reshapeInstance(asInstanceId(0), front, 500);
    executor.reshapeInstance(asInstanceId(1), back, 600);
    expectHeld(driver, 0, { layers: 2, cells: cellsOf(driver, [0, 1], 4) });
    expectHeld(driver, 1, { layers: 2, cells: cellsOf(driver, [2], 4) });
    expect(executor.audit(asInstanceId(1)).totalCells).toBe(600);

    for (const id of [0, 1]) driver.moveKv(id, back, { from: 0, to: 1 });
    driver.moveKv(2, front, { from: 1, to: 0 });
    expectHeld(driver, 0, { layers: 2, cells: cellsOf(driver, [0, 1, 2], 2) });
    expectHeld(driver, 1, { layers: 2, cells: cellsOf(driver, [0, 1, 2], 2) });
    driver.run([0, 1, 2], pipeline, 5);

    executor.reshapeInstance(asInstanceId(0), front, executor.audit(asInstanceId(0)).usedCells + 60);
    executor.reshapeInstance(asInstanceId(1), back, executor.audit(asInstanceId(1)).usedCells + 60);
    executor.reshapeInstance(asInstanceId(0), all, executor.audit(asInstanceId(0)).totalCells, [
      { layers: back, from: asInstanceId(1) },
    ]);
    executor.reshapeInstance(asInstanceId(1), all, executor.audit(asInstanceId(1)).totalCells, [
      { layers: front, from: 'host' },
    ]);
    driver.step([0, 1, 2], pipeline);
    driver.moveKv(0, back, { from: 1, to: 0 });
    for (const id of [1, 2]) driver.moveKv(id, front, { from: 0, to: 1 });
    expectHeld(driver, 0, { layers: 4, cells: cellsOf(driver, [0], 4) });
    expectHeld(driver, 1, { layers: 4, cells: cellsOf(driver, [1, 2], 4) });
    driver.run([0], whole(0));
    driver.run([1, 2], whole(1));
    expectSound(driver, [0, 1, 2]);
    expect(backend.numTensors()).toBe(before);
  });

  it('serves with remote attention between the drop and the exchange', () => {
    const driver = start();
    driver.executor.reshapeInstance(asInstanceId(0), front, 500);
    driver.executor.reshapeInstance(asInstanceId(1), back, 500);
    for (const id of [0, 1]) driver.placements.set(id, [{ instanceId: asInstanceId(0), layers: all }]);
    driver.placements.set(2, [{ instanceId: asInstanceId(1), layers: all }]);
    driver.run([0, 1, 2], pipeline, 3);
    expectHeld(driver, 0, { layers: 2, cells: cellsOf(driver, [0, 1], 4) });
    driver.moveKv(0, back, { from: 0, to: 1 });
    driver.placements.delete(0);
    driver.run([0, 1, 2], pipeline, 3);
    driver.moveKv(1, back, { from: 0, to: 1 });
    driver.moveKv(2, front, { from: 1, to: 0 });
    driver.placements.clear();
    driver.run([0, 1, 2], pipeline);
    expectSound(driver, [0, 1, 2]);
  });

  it('copies KV right where both ends hold the request already', () => {
    const driver = start();
    copy(driver, 0, all, { from: 0, to: 1 });
    driver.run([0], whole(0), 6);
    // What 1 holds is out of date now; what 0 holds of the back is out of date after this.
    copy(driver, 0, back, { from: 0, to: 1 });
    driver.run([0], pipeline, 4);
    copy(driver, 0, front, { from: 0, to: 1 });
    driver.executor.releaseKv(asRequestId(0), all, { instanceId: asInstanceId(0), tier: 'device' });
    driver.run([0], whole(1));
    driver.run([1], whole(0));
    driver.run([2], whole(1));
    expectSound(driver, [0, 1, 2]);
  });

  it('copies KV right after a smaller slab has moved the cells of both ends', () => {
    const driver = start();
    const { executor } = driver;
    driver.admit(3, 60, 20);
    driver.run([3], whole(0), 2);
    driver.admit(4, 60, 20);
    driver.run([4], whole(1), 2);
    const tables = () =>
      [0, 1].map((instance) => [
        ...executor.instance(asInstanceId(instance)).model.kv.table(instance + 3, 3),
      ]);
    const original = tables();
    // Low cells become free, so that the slab's end can move into them.
    for (const [instance, ids] of [
      [0, [0, 1]],
      [1, [2]],
    ] as const) {
      for (const id of ids)
        executor.releaseKv(asRequestId(id), all, { instanceId: asInstanceId(instance), tier: 'device' });
      executor.reshapeInstance(
        asInstanceId(instance),
        all,
        executor.audit(asInstanceId(instance)).usedCells + 4,
      );
      executor.reshapeInstance(asInstanceId(instance), all, 300);
    }
    expect(tables()).not.toEqual(original);
    driver.moveKv(3, back, { from: 0, to: 1 });
    driver.moveKv(4, front, { from: 1, to: 0 });
    driver.run([3, 4], pipeline);
    expectSound(driver, [3, 4]);
  });

  it('swaps in from the host memory of another instance', () => {
    const driver = start();
    const numTokens = driver.computed.get(0)!;
    const host = { instanceId: asInstanceId(0), tier: 'host' } as const;
    driver.executor.copyKv(asRequestId(0), all, {
      from: { instanceId: asInstanceId(0), tier: 'device' },
      to: host,
      numTokens,
    });
    driver.executor.releaseKv(asRequestId(0), all, { instanceId: asInstanceId(0), tier: 'device' });
    driver.executor.copyKv(asRequestId(0), all, {
      from: host,
      to: { instanceId: asInstanceId(1), tier: 'device' },
      numTokens,
    });
    driver.executor.releaseKv(asRequestId(0), all, host);
    expect(driver.executor.instance(asInstanceId(0)).hostKv.bytes).toBe(0);
    driver.run([0, 2], whole(1));
    driver.run([1], whole(0));
    expectSound(driver, [0, 1, 2]);
  });

  it('refuses to copy KV that the source does not have', () => {
    const driver = start();
    driver.executor.releaseKv(asRequestId(1), all, { instanceId: asInstanceId(0), tier: 'device' });
    driver.executor.instance(asInstanceId(0)).model.kv.reserve(1, all, 4);
    expect(() => copy(driver, 1, back, { from: 0, to: 1 })).toThrow('request 1, layer 2: 1 of');
    driver.executor.close();
  });

  it('finds KV that the exchange left out', () => {
    const driver = start();
    driver.moveKv(0, { first: 2, count: 1 }, { from: 0, to: 1 });
    driver.executor.instance(asInstanceId(1)).model.kv.reserve(0, back, driver.computed.get(0)!);
    driver.run([0], pipeline);
    expect(driver.finish([0]).failures[0]).toMatchObject({ requestId: 0, tokenIndex: 5 });
  });
});
