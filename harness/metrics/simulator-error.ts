import { mean } from '../base/stats.ts';
import { numBlocks } from './block-bootstrap.ts';
import type { ComparedMetricKey } from './metrics.ts';
import { share, tie, type Variance, varianceOf } from './paired-interval.ts';
import type { CellSummary } from './results.ts';
import type { Twinned, TwinnedSeed } from './twinned-seed.ts';

/** What is compared on what. */
export interface ComparedPair {
  readonly policy: string;
  readonly baseline: string;
  readonly metric: ComparedMetricKey;
}

/** Fewer degrees of freedom than this, over all measured seeds, do not tell how far errors spread. */
const minSpreadDegrees = 2;

/**
 * How much of the mean of d, the measured share less its twin's, corrects the simulated one. d holds what the simulator gets
 * wrong, of variance b, and the chance of m measured seeds, c / m; only b + c is known. With a weight w of the correction
 * the estimate is off by (1 - w)^2 b + w^2 c / m, and with this w by (b + c) / (1 + sqrt(m))^2, however the two divide: no other weight
 * has a smaller worst case. Without it (w = 1) it would be c / m, which may be all of b + c.
 */
export function correctionWeight(numMeasuredSeeds: number): number {
  const root = Math.sqrt(numMeasuredSeeds);
  return root / (1 + root);
}

/**
 * How uncertain an estimate is that is corrected by the mean of d over these seeds, weighted. Every seed has the metric of
 * both stacks. With four stacks and more, or with several measured seeds, b + c (see `correctionWeight`) comes from how far the
 * simulator's errors spread over the stacks; otherwise from this pair alone. It is the uncertainty of a stack like the others of the run:
 * of one that the simulator gets wrong in a way of its own, too little.
 *
 * The spread, because one measured seed does not hold what d varies by: machine noise and drift reach all requests of a cell
 * at once, and block resamples of a cell do not see them: in the study they find a fifth of the variance for TPOT p50. But each stack of
 * the run has met such noise on its own.
 *
 * For counts of rare events (misses of targets, preemptions) nothing at all may differ on one seed, which does not mean that
 * nothing can: d is never taken to be known to less than one event in either cell.
 */
export function errorVariance(pair: ComparedPair, seeds: readonly TwinnedSeed[]): Variance {
  const { variance, degrees } = spreadOverStacks(pair, seeds) ?? ownEvidence(pair, seeds);
  const oneEvent = mean(seeds.map((seed) => effectOfOneEvent(pair, seed))) ?? 0;
  const worstCase = (1 - correctionWeight(seeds.length)) ** 2;
  return { variance: Math.max(variance, oneEvent) * worstCase, degrees };
}

/** The shares of the policy in one seed. */
export function twinnedShare({ policy, baseline, metric }: ComparedPair, seed: TwinnedSeed): Twinned<number> {
  const values = seed.valuesOf(metric);
  const [own, other] = [values.get(policy), values.get(baseline)];
  const of = (side: keyof Twinned<number>) =>
    share({ value: own?.[side] ?? Number.NaN, baseline: other?.[side] ?? Number.NaN });
  return { measured: of('measured'), twin: of('twin') };
}

/**
 * Each stack has an error, the logarithm of measured over simulated. d is, on the scale of shares, the policy's error less the
 * baseline's, so its variance is twice that of one stack's error, which is estimated from what the errors of a seed spread over
 * the stacks beyond that very difference. A speed that all stacks share cancels. A simulator that is wrong about some of the stacks
 * spreads the errors, and makes everything uncertain.
 */
function spreadOverStacks(pair: ComparedPair, seeds: readonly TwinnedSeed[]): Variance | undefined {
  let squares = 0;
  let degrees = 0;
  for (const seed of seeds) {
    const errors = new Map([...seed.valuesOf(pair.metric)].map(([name, values]) => [name, logError(values)]));
    const difference = (errors.get(pair.policy) ?? Number.NaN) - (errors.get(pair.baseline) ?? Number.NaN);
    const around = (errors.size - 1) * (varianceOf([...errors.values()]) ?? 0);
    squares += Math.max(0, around - difference ** 2 / 2);
    degrees += errors.size - 2;
  }
  if (degrees < minSpreadDegrees) return undefined;
  const shares = seeds.map((seed) => twinnedShare(pair, seed));
  const center = mean(shares.flatMap(({ measured, twin }) => [measured, twin])) ?? tie;
  const slope = center * (1 - center);
  return { variance: (2 * slope ** 2 * squares) / degrees, degrees };
}

/** log(measured / simulated) to first order, and within [-2, 2] whatever is zero or infinite. */
function logError({ measured, twin }: Twinned<number>): number {
  return 4 * (share({ value: measured, baseline: twin }) - tie);
}

/**
 * Of d itself, which is as large as it is by chance if the simulator is right, and resamples of the same blocks of requests in
 * all four cells, where the metric has them. This errs on the side of "cannot tell".
 */
function ownEvidence(pair: ComparedPair, seeds: readonly TwinnedSeed[]): Variance {
  const squares = seeds.map((seed) => {
    const { measured, twin } = twinnedShare(pair, seed);
    return (measured - twin) ** 2;
  });
  const resampled = seeds.flatMap(
    (seed) => seed.resampledVariance(pair.policy, pair.baseline, pair.metric) ?? [],
  );
  return {
    variance: (mean(squares) ?? 0) + (mean(resampled) ?? 0),
    degrees: squares.length + resampled.length * (numBlocks - 1),
  };
}

/** By how much one event more or less changes a metric that counts rare ones. */
const eventSize: Partial<Record<ComparedMetricKey, (summary: CellSummary) => number>> = {
  slo_attainment: ({ offered, aborted }) => -1 / Math.max(1, offered - aborted),
  preemption_count: () => 1,
};

/** Square of the change of the measured share when each side has one event more, added up; 0 where nothing rare is counted. */
function effectOfOneEvent(pair: ComparedPair, seed: TwinnedSeed): number {
  const values = seed.valuesOf(pair.metric);
  const [value, baseline] = [pair.policy, pair.baseline].map((name) => values.get(name)?.measured ?? 0);
  const summary = seed.measuredSummary(pair.policy);
  const event = summary === undefined ? undefined : eventSize[pair.metric]?.(summary);
  if (value === undefined || baseline === undefined || event === undefined) return 0;
  const now = share({ value, baseline });
  const ofValue = share({ value: moved(value, event), baseline }) - now;
  const ofBaseline = share({ value, baseline: moved(baseline, event) }) - now;
  return ofValue ** 2 + ofBaseline ** 2;
}

/** One event less where one more would take the metric below zero. */
function moved(value: number, event: number): number {
  return value + event < 0 ? value - event : value + event;
}
