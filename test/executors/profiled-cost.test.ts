import { expect, test } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import { asInstanceId } from '../../harness/domain/ids.ts';
import { madeBatch } from '../../harness/executors/made-batch.ts';
import { ProfiledCost } from '../../harness/executors/profiled-cost.ts';
import { profileWith } from '../calibration/profiles.ts';

const batch = madeBatch([{ numTokens: 1, pastTokens: 40 }]);
const stage = {
  instanceId: asInstanceId(0),
  stageIndex: 0,
  layers: { first: 0, count: 4 },
  isFirst: true,
  isLast: true,
};
const profile = { ...profileWith({ layer: 250 }), spread: [0.8, 0.9, 1.3] };

function times(seed: number): number[] {
  const cost = new ProfiledCost(profile, createRng(seed, 'times'));
  return Array.from({ length: 3000 }, () => cost.stageUs(batch, stage));
}

test('without chance a stage takes the sum of its terms', () => {
  expect(new ProfiledCost(profile).stageUs(batch, stage)).toBe(1000);
});

test('with chance it takes each of the times of the spread as often, and the same ones for the same seed', () => {
  const drawn = times(1);
  for (const us of [800, 900, 1300]) {
    expect(drawn.filter((time) => time === us).length / drawn.length).toBeCloseTo(1 / 3, 1);
  }
  expect(times(1)).toEqual(drawn);
  expect(times(2)).not.toEqual(drawn);
});
