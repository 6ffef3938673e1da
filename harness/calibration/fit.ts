import { quantileOfSorted, sorted } from '../base/stats.ts';
import { costOfCounts, type StageCosts, type StageCounts, stageTerms } from '../domain/stage-profile.ts';

/** What a stage took, and how often each term of the cost occurs in it. */
export interface TimedStage {
  readonly counts: StageCounts;
  readonly us: number;
}

/** More than enough: what is left changes by less than 1e-6 after some thousand rounds. */
const rounds = 20_000;

/**
 * Fits non-negative costs to timed stages, so that the sum of squared *relative* errors is smallest: a short stage counts
 * as much as a long one. Errors are relative to what the fit before says, and not to what was measured: noise in the
 * weights would pull the fit below the mean.
 */
export function fitCosts(stages: readonly TimedStage[]): StageCosts {
  let costsUs = fitWeighted(stages, ({ us }) => us);
  for (let round = 0; round < reweighings; round += 1) {
    const before = costsUs;
    costsUs = fitWeighted(stages, ({ counts }) => costOfCounts(before, counts));
  }
  return costsUs;
}

const reweighings = 3;

/**
 * The same with errors relative to a given size of each stage. Coordinate descent on the normal equations (Franc, Hlavac
 * and Navara 2005, "Sequential Coordinate-Wise Algorithm for the Non-negative Least Squares Problem").
 */
function fitWeighted(stages: readonly TimedStage[], sizeOf: (stage: TimedStage) => number): StageCosts {
  const sizes = stages.map(sizeOf);
  const rows = stages.map(({ counts }, i) => stageTerms.map((term) => counts[term] / at(sizes, i)));
  const targets = stages.map(({ us }, i) => us / at(sizes, i));
  // Each term in units of its root mean square, so that all are alike in size.
  const scales = stageTerms.map(
    (_, k) => Math.sqrt(rows.reduce((sum, row) => sum + at(row, k) ** 2, 0)) || 1,
  );
  const scaled = rows.map((row) => row.map((value, k) => value / at(scales, k)));
  const gram = stageTerms.map((_, i) =>
    stageTerms.map((_term, j) => scaled.reduce((sum, row) => sum + at(row, i) * at(row, j), 0)),
  );
  const weights = stageTerms.map(() => 0);
  const gradient = stageTerms.map(
    (_, k) => -scaled.reduce((sum, row, i) => sum + at(row, k) * at(targets, i), 0),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const k of weights.keys()) {
      const row = gram[k] as number[];
      const diagonal = at(row, k);
      if (diagonal === 0) continue;
      const next = Math.max(0, at(weights, k) - at(gradient, k) / diagonal);
      const change = next - at(weights, k);
      if (change === 0) continue;
      weights[k] = next;
      for (const j of gradient.keys()) gradient[j] = at(gradient, j) + change * at(row, j);
    }
  }
  return Object.fromEntries(
    stageTerms.map((term, k) => [term, at(weights, k) / at(scales, k)]),
  ) as unknown as StageCosts;
}

/** Returns the median and the 90th percentile of |fitted - measured| / measured. */
export function relativeErrors(
  costsUs: StageCosts,
  stages: readonly TimedStage[],
): { readonly medianError: number; readonly p90Error: number } {
  const errors = sorted(stages.map(({ counts, us }) => Math.abs(costOfCounts(costsUs, counts) - us) / us));
  return { medianError: quantileOfSorted(errors, 0.5) ?? 0, p90Error: quantileOfSorted(errors, 0.9) ?? 0 };
}

/** Values that stand for the spread of stages around their cost. */
const numSpread = 50;

/** Returns what stages took over their fitted cost, as the middles of equally probable ranges, scaled to a mean of 1. */
export function spreadOf(costsUs: StageCosts, stages: readonly TimedStage[]): readonly number[] {
  const ratios = sorted(stages.map(({ counts, us }) => us / costOfCounts(costsUs, counts)));
  const values = Array.from(
    { length: numSpread },
    (_, i) => quantileOfSorted(ratios, (i + 0.5) / numSpread) ?? 1,
  );
  const mean = values.reduce((sum, value) => sum + value, 0) / numSpread;
  return values.map((value) => value / mean);
}

function at(list: readonly number[], index: number): number {
  return list[index] as number;
}
