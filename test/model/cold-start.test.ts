import { describe, expect, it } from 'vitest';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import type { WeightSource } from '../../harness/core/executor.ts';
import { heldWeightBytes } from '../../harness/domain/model-shape.ts';
import { all, back, Driver, expectSound, front, whole } from './measured-driver.ts';
import { backend, tinyShape } from './support.ts';

const none = { first: 0, count: 0 };
const weightsOf = (numLayers: number) => ({ weightBytes: heldWeightBytes(tinyShape, numLayers) });

const sources = {
  disk: [{ layers: all, from: 'disk' }],
  'host memory': [{ layers: all, from: 'host' }],
  'a peer': [{ layers: all, from: asInstanceId(0) }],
  'two of them': [
    { layers: front, from: 'disk' },
    { layers: back, from: asInstanceId(0) },
  ],
} as const satisfies Record<string, readonly WeightSource[]>;

describe('an instance that starts during a run', () => {
  it.each(Object.keys(sources) as (keyof typeof sources)[])(
    'holds no layer until its weights come, here from %s; serves; and gives everything back when it stops',
    (name) => {
      const driver = new Driver();
      driver.start(0);
      driver.admit(0, 20, 12);
      driver.run([0], whole(0), 4);
      const before = backend.numTensors();

      driver.start(7, none);
      expect(driver.executor.audit(asInstanceId(7))).toEqual({
        ...weightsOf(0),
        usedCells: 0,
        totalCells: 400,
      });
      driver.run([0], whole(0), 2);
      driver.executor.reshapeInstance(asInstanceId(7), all, 300, sources[name]);
      expect(driver.executor.audit(asInstanceId(7))).toEqual({
        ...weightsOf(4),
        usedCells: 0,
        totalCells: 300,
      });
      driver.admit(1, 15, 6);
      driver.run([1], whole(7));
      driver.moveKv(0, all, { from: 0, to: 7 });
      driver.run([0], whole(7), 3);
      driver.moveKv(0, all, { from: 7, to: 0 });
      driver.executor.releaseKv(asRequestId(1), all, { instanceId: asInstanceId(7), tier: 'device' });
      expect(driver.executor.audit(asInstanceId(7)).usedCells).toBe(0);
      driver.executor.stopInstance(asInstanceId(7));

      expect(backend.numTensors()).toBe(before);
      expect(() => driver.executor.audit(asInstanceId(7))).toThrow('instance 7');
      driver.run([0], whole(0));
      expectSound(driver, [0, 1]);
    },
  );

  it('gives everything back when it stops before its weights have come', () => {
    const driver = new Driver();
    const before = backend.numTensors();
    driver.start(3, none);
    driver.executor.reshapeInstance(asInstanceId(3), none, 200);
    expect(driver.executor.audit(asInstanceId(3))).toEqual({
      ...weightsOf(0),
      usedCells: 0,
      totalCells: 200,
    });
    driver.executor.stopInstance(asInstanceId(3));
    expect(backend.numTensors()).toBe(before);
    driver.executor.close();
  });

  it('outlives the peer that its weights came from', () => {
    const driver = new Driver();
    driver.start(0);
    driver.start(1, none);
    driver.executor.reshapeInstance(asInstanceId(1), all, 400, sources['a peer']);
    driver.executor.stopInstance(asInstanceId(0));
    driver.admit(0, 12, 5);
    driver.run([0], whole(1));
    expectSound(driver, [0]);
  });
});
