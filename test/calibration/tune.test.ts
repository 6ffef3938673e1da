import { expect, test } from 'vitest';
import { Tuning } from '../../harness/calibration/tune.ts';

test('a beat is tuned to what it takes when stages take what the profile says, whatever the speed at the time', () => {
  const tuning = new Tuning();
  tuning.add({ measuredUs: 4000, profileUs: 4000, beatUs: 800 });
  expect(tuning.beatUs).toBeCloseTo(800);
  // The machine at half of that speed: stages and beats take twice as long.
  tuning.add({ measuredUs: 8000, profileUs: 4000, beatUs: 1600 });
  expect(tuning.beatUs).toBeCloseTo(800);
});

test('stages that take longer than the profile says beside the same beats make the tuned beat shorter', () => {
  const tuning = new Tuning();
  tuning.add({ measuredUs: 4400, profileUs: 4000, beatUs: 880 });
  // Charged at the tuned beat over the measured one, the stage takes the profile's time.
  expect((4400 * tuning.beatUs) / 880).toBeCloseTo(4000);
});
