import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { must } from '../../harness/base/assert.ts';
import { scaleProfile } from '../../harness/domain/stage-profile.ts';
import { disturbanceOf } from '../../harness/run/disturbance.ts';
import { referenceScale } from '../../harness/run/make-clock.ts';
import { simulatedOn } from '../../harness/run/run-clock.ts';
import { guard, measuredConfig } from './measured-config.ts';

const dir = mkdtempSync(join(tmpdir(), 'servebench-clock-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const config = await measuredConfig(dir);
const reference = must(config.cluster.hardware.profile, 'profile of the laptop cell');

test('a device that takes twice as long for everything is charged half of its time', async () => {
  expect(await referenceScale(config, reference, guard)).toBeCloseTo(1, 3);
  expect(await referenceScale(config, scaleProfile(reference, 2), guard)).toBeCloseTo(0.5, 3);
  expect(await referenceScale(config, scaleProfile(reference, 0.1), guard)).toBeCloseTo(10, 1);
});

test('the scale weighs what differs by what the configuration does', async () => {
  const { costsUs } = reference;
  const slowPrompts = { ...reference, costsUs: { ...costsUs, layerToken: 3 * costsUs.layerToken } };
  const scale = await referenceScale(config, slowPrompts, guard);
  expect(scale).toBeGreaterThan(1 / 3);
  expect(scale).toBeLessThan(0.9);
});

test('twins run on the device as it was calibrated, in the time of the run', () => {
  const clock = { kind: 'reference', scale: 2, profile: reference } as const;
  const twin = simulatedOn(config, clock);
  expect(twin.execution.mode).toBe('simulate');
  expect(twin.cluster.hardware.profile?.costsUs.layer).toBe(2 * reference.costsUs.layer);
  expect({ ...twin, cluster: config.cluster, execution: config.execution }).toEqual(config);
});

test('a cell does not count when others took more than a tenth of its time, or the speed moved by a quarter', () => {
  expect(disturbanceOf({ lostShare: 0.1, speedSpread: 1.5 })).toBeUndefined();
  expect(disturbanceOf({ lostShare: 0.24, speedSpread: 1 })).toContain('took 24 % of its time (limit 10 %)');
  expect(disturbanceOf({ lostShare: 0, speedSpread: 1.6 })).toContain('factor of 1.60 (limit 1.5)');
});
