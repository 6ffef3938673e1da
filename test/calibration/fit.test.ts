import { expect, test } from 'vitest';
import { fitCosts, relativeErrors, spreadOf, type TimedStage } from '../../harness/calibration/fit.ts';
import {
  costOfCounts,
  type StageCosts,
  type StageCounts,
  stageTerms,
} from '../../harness/domain/stage-profile.ts';
import { createRng, type Rng } from '../../harness/base/rng.ts';
import * as fc from '../fast-check.ts';

/** Counts as steps of a small model have them: entries, tokens, groups and contexts of their own sizes. */
function randomCounts(rng: Rng): StageCounts {
  const layer = 1 + rng.integer(4);
  const entry = 1 + rng.integer(24);
  const prompts = rng.integer(3);
  const token = entry + prompts * (8 + rng.integer(200));
  const layerGathered = layer * entry * (16 + rng.integer(300));
  const layerPromptGroup = layer * prompts;
  const isLast = rng.integer(4) > 0 ? 1 : 0;
  const layerPair = layerGathered + layerPromptGroup * rng.integer(30_000);
  return {
    stage: 1,
    entry,
    token,
    pair: layerPair / layer,
    head: isLast,
    sample: isLast * entry,
    layer,
    layerToken: layer * token,
    layerGroup: layer * (1 + rng.integer(3)) + layerPromptGroup,
    layerPrompt: prompts > 0 ? layer : 0,
    layerPromptGroup,
    layerGathered,
    layerPair,
  };
}

const costs = fc.record(
  Object.fromEntries(stageTerms.map((term) => [term, fc.double({ min: 0, max: 300, noNaN: true })])),
) as fc.Arbitrary<StageCosts>;

function stagesWith(costsUs: StageCosts, rng: Rng, noise: () => number): TimedStage[] {
  return Array.from({ length: 400 }, () => {
    const counts = randomCounts(rng);
    return { counts, us: (1 + costOfCounts(costsUs, counts)) * noise() };
  });
}

test('a cost that is such a sum is found, and no term is negative', () => {
  fc.assert(
    fc.property(costs, fc.nat(1000), (costsUs, seed) => {
      const rng = createRng(seed, 'fit');
      const fitted = fitCosts(stagesWith(costsUs, rng, () => 1));
      expect(Math.min(...Object.values(fitted))).toBeGreaterThanOrEqual(0);
      expect(
        relativeErrors(
          fitted,
          stagesWith(costsUs, rng, () => 1),
        ).p90Error,
      ).toBeLessThan(0.02);
    }),
    { numRuns: 15 },
  );
});

test('noise with a long tail does not pull the fit below the mean', () => {
  const costsUs = Object.fromEntries(
    stageTerms.map((term) => [term, term === 'layer' ? 200 : 0.1]),
  ) as StageCosts;
  const rng = createRng(1, 'tail');
  // Mean 1; one in ten stages takes half as long again.
  const fitted = fitCosts(stagesWith(costsUs, rng, () => (rng.integer(10) === 0 ? 1.5 : 0.85 / 0.9)));
  const fresh = stagesWith(costsUs, rng, () => 1);
  const total = (of: StageCosts) => fresh.reduce((sum, { counts }) => sum + costOfCounts(of, counts), 0);
  expect(total(fitted) / fresh.reduce((sum, { us }) => sum + us, 0)).toBeGreaterThan(0.985);
  expect(total(fitted) / fresh.reduce((sum, { us }) => sum + us, 0)).toBeLessThan(1.015);
});

test('the spread of stages is told as equally probable shares of their cost, with mean 1', () => {
  const costsUs = Object.fromEntries(
    stageTerms.map((term) => [term, term === 'layer' ? 200 : 0.1]),
  ) as StageCosts;
  const rng = createRng(1, 'spread');
  const draw = () => (rng.integer(10) === 0 ? 2 : 0.9);
  const stages = stagesWith(costsUs, rng, draw);
  const spread = spreadOf(costsUs, stages);
  expect(spread.reduce((sum, value) => sum + value, 0) / spread.length).toBeCloseTo(1);
  expect(spread).toEqual(spread.toSorted((a, b) => a - b));
  const slow = spread.filter((value) => value > 1.5).length / spread.length;
  expect(slow).toBeGreaterThan(0.06);
  expect(slow).toBeLessThan(0.14);
});
