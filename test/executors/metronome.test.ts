import { expect, test } from 'vitest';
import type { SpeedRecord } from '../../harness/domain/stage-profile.ts';
import { chargeMeasured, chargeReference } from '../../harness/executors/charge.ts';
import { Metronome } from '../../harness/executors/metronome.ts';

function metronomeOf(beatUs: () => number) {
  const records: SpeedRecord[] = [];
  return { metronome: new Metronome(beatUs, 1000, (record) => records.push(record)), records };
}

test('the speed is that of the calibration where beats take as long, and half of it where they take twice as long', () => {
  expect(metronomeOf(() => 1000).metronome.speed).toBe(1);
  expect(metronomeOf(() => 2000).metronome.speed).toBe(0.5);
});

test('a single slow beat changes nothing', () => {
  let count = 0;
  const { metronome, records } = metronomeOf(() => (count++ === 4 ? 9000 : 1000));
  expect(metronome.speed).toBe(1);
  expect(metronome.spread).toBe(1);
  expect(records.map(({ beatUs }) => beatUs)).toContain(9000);
});

test('beats are rare between steps, and tell how far the speed has moved', async () => {
  let us = 1000;
  const { metronome, records } = metronomeOf(() => us);
  const before = records.length;
  for (let step = 0; step < 1000; step += 1) metronome.tick();
  expect(records.length - before).toBeLessThanOrEqual(1);
  us = 1600;
  for (let beat = 0; beat < 25; beat += 1) {
    await new Promise((resolve) => setTimeout(resolve, 90));
    metronome.tick();
  }
  expect(metronome.speed).toBeCloseTo(1 / 1.6);
  expect(metronome.spread).toBeCloseTo(1.6);
});

test('a stage is charged what it takes on the reference, at the speed of the calibration', () => {
  const { metronome } = metronomeOf(() => 2000);
  // The device runs at half of its speed, and is twice as fast as the reference.
  expect(chargeReference(2, metronome)(3000)).toBe(3000);
  expect(chargeReference(0.0001, metronome)(1)).toBe(1);
  expect(chargeMeasured(1234.5)).toBe(1235);
});
