import { mean, standardDeviation } from '../base/stats.ts';
import { numBlocks } from './block-bootstrap.ts';
import { studentCdf, studentQuantile } from './distributions.ts';

/** The values of one metric under a policy and under the baseline. */
export interface Pair {
  readonly value: number;
  readonly baseline: number;
}

/** What is known about one metric of two policies on the same seeds. */
export interface PairedEstimate {
  /** The whole run of every seed, as one pair each. */
  readonly seeds: readonly Pair[];
  /** For every resample the mean over the seeds; empty for a metric that has only one value per seed. */
  readonly replicates: readonly Pair[];
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Returns both means; `NaN` where there are no pairs. */
export function meanPair(pairs: readonly Pair[]): Pair {
  return {
    value: mean(pairs.map((pair) => pair.value)) ?? Number.NaN,
    baseline: mean(pairs.map((pair) => pair.baseline)) ?? Number.NaN,
  };
}

/** What is known of a quantity: its estimate, the variance of that, and from how many degrees of freedom the variance is. */
export interface Estimate extends Variance {
  readonly center: number;
}

/**
 * The share value / (value + baseline), on which policies are compared: it has the same order as the ratio and stays within
 * [0, 1] when one of the two is zero or infinite.
 */
export function shareEstimate(estimate: PairedEstimate): Estimate | undefined {
  return estimateOn(share, estimate);
}

/** Of value - baseline. */
export function differenceEstimate(estimate: PairedEstimate): Estimate | undefined {
  return estimateOn(({ value, baseline }) => (value === baseline ? 0 : value - baseline), estimate);
}

/** The 95 % interval, by Student's t. */
export function intervalOf({ center, variance, degrees }: Estimate): Interval {
  const half = variance === 0 ? 0 : studentQuantile(0.975, degrees) * Math.sqrt(variance);
  return { low: center - half, high: center + half };
}

/** The 95 % interval of the ratio value / baseline, from that of the share. */
export function ratioIntervalOf(estimate: Estimate): Interval {
  const { low, high } = intervalOf(estimate);
  return { low: ratioOfShare(low), high: ratioOfShare(high) };
}

/** How often a share at least as far from a tie would be seen if the two were tied, by Student's t; two-sided. */
export function tiePValue({ center, variance, degrees }: Estimate): number {
  const distance = Math.abs(center - tie);
  if (distance === 0) return 1;
  return variance === 0 ? 0 : 2 * studentCdf(-distance / Math.sqrt(variance), degrees);
}

/**
 * Two sources of chance: which requests a run happened to hold (variance of the block resamples within the seeds) and
 * which run a seed happened to draw (variance between the seeds, with the factor (n - 1) / n of a bootstrap of seeds).
 * They are added as in a two-stage bootstrap (Davison and Hinkley 1997, 3.8), which errs on the side of "cannot tell";
 * degrees of freedom by Satterthwaite's rule. With one seed there is only the first, with one number a seed only the
 * second. `undefined` when there is neither.
 */
function estimateOn(scale: (pair: Pair) => number, estimate: PairedEstimate): Estimate | undefined {
  const numSeeds = estimate.seeds.length;
  const center = scale(meanPair(estimate.seeds));
  const within = varianceOf(estimate.replicates.map(scale));
  const between = varianceOf(estimate.seeds.map(scale));
  const sources: Variance[] = [];
  if (within !== undefined) sources.push({ variance: within, degrees: numSeeds * (numBlocks - 1) });
  if (between !== undefined) {
    const factor = within === undefined ? 1 : (numSeeds - 1) / numSeeds;
    sources.push({ variance: (factor * between) / numSeeds, degrees: numSeeds - 1 });
  }
  if (sources.length === 0 || !Number.isFinite(center)) return undefined;
  return { center, ...added(sources) };
}

export interface Variance {
  readonly variance: number;
  readonly degrees: number;
}

/** Returns the sum of independent variances. Its degrees of freedom follow Satterthwaite's rule (1946), rounded down. */
export function added(sources: readonly Variance[]): Variance {
  let variance = 0;
  let squares = 0;
  for (const source of sources) {
    variance += source.variance;
    squares += source.variance ** 2 / source.degrees;
  }
  return { variance, degrees: squares === 0 ? 1 : Math.max(1, Math.floor(variance ** 2 / squares + 1e-9)) };
}

/** Returns the variance of the finite values, or `undefined` where there are fewer than two. */
export function varianceOf(values: readonly number[]): number | undefined {
  const deviation = standardDeviation(values.filter((value) => Number.isFinite(value)));
  return deviation === undefined ? undefined : deviation ** 2;
}

/** The share of a tie. */
export const tie = 0.5;

/** Returns value / (value + baseline), which is one half for a tie, also for one between two zeros or two infinities. */
export function share({ value, baseline }: Pair): number {
  if (value === baseline) return tie;
  if (value === Number.POSITIVE_INFINITY) return 1;
  return baseline === Number.POSITIVE_INFINITY ? 0 : value / (value + baseline);
}

export function ratioOfShare(shareValue: number): number {
  if (shareValue >= 1) return Number.POSITIVE_INFINITY;
  return shareValue <= 0 ? 0 : shareValue / (1 - shareValue);
}
