import { mean } from '../base/stats.ts';
import { comparedMetrics } from './compare.ts';
import { comparedValue, type ComparedValues } from './compared-values.ts';
import type { ComparedMetricKey } from './metrics.ts';
import {
  added,
  type Estimate,
  meanPair,
  type Pair,
  ratioIntervalOf,
  ratioOfShare,
  share,
  varianceOf,
} from './paired-interval.ts';
import type { ComparedCell } from './paired-run.ts';
import type { Comparison } from './results.ts';
import { type ComparedPair, correctionWeight, errorVariance, twinnedShare } from './simulator-error.ts';
import { type Twinned, TwinnedSeed } from './twinned-seed.ts';
import { finite, type Judged, withVerdicts } from './verdicts.ts';

/**
 * The cells of a measured run, their simulated twins (the same stacks and seeds), and what all simulations gave: further draws
 * of the times of those twins' stages, and further seeds.
 */
export interface TwoFidelityInput {
  readonly measured: readonly ComparedCell[];
  readonly twins: readonly ComparedCell[];
  readonly simulated: readonly ComparedValues[];
}

/**
 * Every other policy against the baseline, from few measured seeds and many simulated ones. How it is done, for a reader of the
 * report:
 *
 * - Figures are compared as shares: policy / (policy + baseline), half for a tie. A request without an answer is infinitely late.
 * - s is the share on a simulated seed, d the measured share less that of its own simulated twin, the mean of
 *   several draws of its stages' times: one stage more or less in time decides at which side of a burst a policy acts. The estimate is mean(s) +
 *   w mean(d), a two-fidelity control variate (Peherstorfer, Willcox and Gunzburger 2016): simulated seeds average out which
 *   requests a seed happens to draw, and the measured ones correct what the simulator gets wrong. With one measured seed w is
 *   one half (`correctionWeight`).
 * - Its variance is that of both means (`errorVariance` for d), with degrees of freedom by Satterthwaite. They share the measured
 *   seeds, which adds 2 Cov(s, d) / n for n simulated seeds: at most a share sqrt(m / n) of the sum, m of the seeds being measured,
 *   and in the study -2 % to 0 % for the median pair. It is left out.
 * - Where the simulator is wrong, its errors differ from stack to stack, the intervals are wide and the verdict is "cannot tell".
 * - Verdicts are corrected for the number of policies, metric by metric (`verdicts.ts`); intervals are not.
 *
 * A stack is compared on the measured seeds on which it and the baseline have a cell and its twin.
 */
export function compareTwoFidelity(input: TwoFidelityInput, baseline: string): Comparison[] {
  return withVerdicts(judgeTwoFidelity(input, baseline, comparedMetrics));
}

/** The same on some metrics, before the verdicts, which depend on what else is compared. */
export function judgeTwoFidelity(
  input: TwoFidelityInput,
  baseline: string,
  metrics: readonly ComparedMetricKey[],
): Judged[] {
  const seeds = twinnedSeeds(input);
  const measuredSeeds = new Set(input.measured.map(({ summary }) => summary.seed));
  const further = input.simulated.filter(({ seed }) => !measuredSeeds.has(seed));
  const policies = new Set(input.measured.map(({ summary }) => summary.policy));
  policies.delete(baseline);
  return [...policies].flatMap((policy) => {
    const shared = seeds.filter((seed) => seed.has(policy) && seed.has(baseline));
    if (shared.length === 0) return [];
    return metrics.map((metric) => judge({ policy, baseline, metric }, shared, further));
  });
}

/** The cells that were measured and simulated, by their seeds. */
function twinnedSeeds({ measured, twins, simulated }: TwoFidelityInput): readonly TwinnedSeed[] {
  const bySeed = new Map<number, Map<string, Twinned<ComparedCell>>>();
  for (const cell of measured) {
    const { policy, seed } = cell.summary;
    const twin = twins.find(({ summary }) => summary.policy === policy && summary.seed === seed);
    if (twin === undefined) continue;
    const cells = bySeed.get(seed) ?? new Map<string, Twinned<ComparedCell>>();
    bySeed.set(seed, cells.set(policy, { measured: cell, twin }));
  }
  return [...bySeed].map(
    ([seed, cells]) =>
      new TwinnedSeed(
        cells,
        simulated.filter((values) => values.seed === seed),
      ),
  );
}

function judge(
  pair: ComparedPair,
  seeds: readonly TwinnedSeed[],
  further: readonly ComparedValues[],
): Judged {
  const defined = seeds.filter((seed) => isDefined(pair, seed));
  const measured = defined.map((seed) => pairOf(pair, seed, 'measured'));
  const simulated = [...defined.map((seed) => pairOf(pair, seed, 'twin')), ...furtherPairs(pair, further)];
  const estimate = estimateOf(pair, defined, simulated);
  const interval = estimate && ratioIntervalOf(estimate);
  const { value, baseline } = meanPair(measured);
  const means = meanPair(simulated);
  const ratio = finite(estimate && ratioOfShare(estimate.center));
  return {
    share: estimate,
    figures: {
      ...pair,
      value: finite(value),
      baseline_value: finite(baseline),
      ratio,
      ratio_low: finite(interval?.low),
      ratio_high: finite(interval?.high),
      ...(ratio === null && baseline === 0 ? withoutRatio(value) : {}),
      simulated_value: finite(means.value),
      simulated_baseline_value: finite(means.baseline),
      num_measured_seeds: measured.length,
      num_simulated_seeds: simulated.length,
    },
  };
}

/** What the difference from a baseline of zero is; how sure it is only the shares tell. */
function withoutRatio(value: number) {
  return { difference: finite(value), difference_low: null, difference_high: null };
}

/** `undefined` where nothing was measured, or only one seed simulated. */
function estimateOf(
  pair: ComparedPair,
  seeds: readonly TwinnedSeed[],
  simulated: readonly Pair[],
): Estimate | undefined {
  const shares = simulated.map(share);
  const spread = varianceOf(shares);
  const average = mean(shares);
  const errors = seeds.map((seed) => {
    const { measured, twin } = twinnedShare(pair, seed);
    return measured - twin;
  });
  const error = mean(errors);
  if (spread === undefined || average === undefined || error === undefined) return undefined;
  const ofMean = { variance: spread / shares.length, degrees: shares.length - 1 };
  return {
    center: average + correctionWeight(seeds.length) * error,
    ...added([ofMean, errorVariance(pair, seeds)]),
  };
}

function isDefined({ policy, baseline, metric }: ComparedPair, seed: TwinnedSeed): boolean {
  const values = seed.valuesOf(metric);
  return values.has(policy) && values.has(baseline);
}

function pairOf(
  { policy, baseline, metric }: ComparedPair,
  seed: TwinnedSeed,
  side: keyof Twinned<number>,
): Pair {
  const values = seed.valuesOf(metric);
  const of = (name: string) => values.get(name)?.[side] ?? Number.NaN;
  return { value: of(policy), baseline: of(baseline) };
}

/** Of the further seeds that the simulator finished with both. */
function furtherPairs(
  { policy, baseline, metric }: ComparedPair,
  further: readonly ComparedValues[],
): readonly Pair[] {
  const others = new Map(further.filter((cell) => cell.policy === baseline).map((cell) => [cell.seed, cell]));
  return further.flatMap((cell): Pair[] => {
    const other = others.get(cell.seed);
    if (cell.policy !== policy || other === undefined) return [];
    const pair = { value: comparedValue(cell, metric), baseline: comparedValue(other, metric) };
    return Number.isNaN(pair.value) || Number.isNaN(pair.baseline) ? [] : [pair];
  });
}
