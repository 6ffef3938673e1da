import {
  type ComparedMetricKey,
  type ResampledMetricKey,
  resampledMetricKeys,
  type SeedMetricKey,
  seedMetricKeys,
} from './metrics.ts';
import { type ComparedCell, SharedRequests } from './paired-run.ts';
import {
  differenceEstimate,
  type Interval,
  intervalOf,
  meanPair,
  type Pair,
  type PairedEstimate,
  ratioIntervalOf,
  shareEstimate,
} from './paired-interval.ts';
import type { Comparison } from './results.ts';
import { finite, type Judged, withVerdicts } from './verdicts.ts';

/**
 * Lists the metrics in the order of the report: as they are declared, except that the percentiles of each latency come
 * before its mean.
 */
const requestMetrics = meansLast(resampledMetricKeys);

/** Metrics that policies are compared on; for those at the end only the seeds tell how sure a difference is. */
export const comparedMetrics = [...requestMetrics, ...seedMetricKeys] as const;

/** Enough for a variance: 500 resamples tell a standard error within 3 %, 200 (very long runs) within 5 %. */
const maxResamples = 500;
const minResamples = 200;
const resampledRequests = 5_000_000;

/**
 * Every other policy against the baseline, on the seeds that both finished. How it is done, for a reader of the report:
 *
 * - Paired: both saw the same requests. A resample takes the same blocks of consecutive requests for both.
 * - A request that was rejected, failed or never finished counts as infinitely late, so that no policy wins by refusing
 *   work; an aborted one (cancelled by the client) does not count.
 * - A figure is the mean over the seeds of each seed's figure.
 * - Intervals are of 95 %, each for itself. Verdicts other than "cannot tell" are corrected for the number of policies, metric
 *   by metric (`verdicts.ts`). With a single seed an interval misses a tie in up to one of four, for a run hardly longer than
 *   its bursts tells little about another run: take three seeds or more.
 */
export function compareStacks(cells: readonly ComparedCell[], baseline: string): Comparison[] {
  return withVerdicts(judgeStacks(cells, baseline, comparedMetrics));
}

/** The same on some metrics, before the verdicts, which depend on what else is compared. */
export function judgeStacks(
  cells: readonly ComparedCell[],
  baseline: string,
  metrics: readonly ComparedMetricKey[],
): Judged[] {
  const baselineCells = cells.filter((cell) => cell.summary.policy === baseline);
  const policies = [...new Set(cells.map((cell) => cell.summary.policy))].filter(
    (policy) => policy !== baseline,
  );
  return policies.flatMap((policy) => {
    const pairs = pairBySeed(
      cells.filter((cell) => cell.summary.policy === policy),
      baselineCells,
    );
    return pairs.length === 0 ? [] : judgePairs({ policy, baseline }, pairs, { metrics });
  });
}

interface CellPair {
  readonly policy: ComparedCell;
  readonly baseline: ComparedCell;
}

/** Cells of a policy, each with the baseline's on the same seed; one that has none is left out. */
export function pairBySeed(
  policyCells: readonly ComparedCell[],
  baselineCells: readonly ComparedCell[],
): CellPair[] {
  return policyCells.flatMap((policy) => {
    const baseline = baselineCells.find((cell) => cell.summary.seed === policy.summary.seed);
    return baseline === undefined ? [] : [{ policy, baseline }];
  });
}

/**
 * One policy against another on some metrics, each pair of cells with one seed. Where `requestsTell` is false, only the seeds say how
 * sure a difference is, and a single one says nothing.
 */
export function judgePairs(
  { policy, baseline }: { readonly policy: string; readonly baseline: string },
  pairs: readonly CellPair[],
  {
    metrics,
    requestsTell = true,
  }: { readonly metrics: readonly ComparedMetricKey[]; readonly requestsTell?: boolean },
): Judged[] {
  const ofRequests = requestMetrics.filter((metric) => metrics.includes(metric));
  const ofSeeds = seedMetricKeys.filter((metric) => metrics.includes(metric));
  const runs = pairs.map((pair) => new SharedRequests([pair.baseline, pair.policy]));
  const numResamples = requestsTell ? resamplesFor(Math.max(...runs.map((run) => run.length))) : 0;
  const perSeed = runs.map((run) => estimateRun(run, ofRequests, numResamples));
  const fromRequests = ofRequests.map((metric) => {
    const estimates = perSeed.flatMap((estimateOf) => estimateOf.get(metric) ?? []);
    return judge(
      { policy, baseline, metric },
      poolSeeds(estimates.filter(({ observed }) => isDefined(observed))),
    );
  });
  const fromSeeds = ofSeeds.map((metric) => {
    const seeds = pairs.map((pair) => seedPair(pair, metric)).filter(isDefined);
    return judge({ policy, baseline, metric }, { seeds, replicates: [] });
  });
  return [...fromRequests, ...fromSeeds];
}

function resamplesFor(numRequests: number): number {
  return Math.floor(Math.min(maxResamples, Math.max(minResamples, resampledRequests / numRequests)));
}

function seedPair({ policy, baseline }: CellPair, metric: SeedMetricKey): Pair {
  const valueIn = ({ summary }: ComparedCell): number | null => summary[metric];
  return { value: valueIn(policy) ?? Number.NaN, baseline: valueIn(baseline) ?? Number.NaN };
}

/** What one seed says about one metric of two policies. */
interface SeedEstimate {
  readonly observed: Pair;
  readonly replicates: Pair[];
}

function estimateRun(
  run: SharedRequests,
  metrics: readonly ResampledMetricKey[],
  numResamples: number,
): ReadonlyMap<ResampledMetricKey, SeedEstimate> {
  const estimates = new Map(
    metrics.map((metric): [ResampledMetricKey, SeedEstimate] => [
      metric,
      { observed: pairIn(run, metric), replicates: [] },
    ]),
  );
  for (let resample = 0; resample < numResamples; resample += 1) {
    run.resample();
    for (const [metric, { replicates }] of estimates) replicates.push(pairIn(run, metric));
  }
  return estimates;
}

function pairIn(run: SharedRequests, metric: ResampledMetricKey): Pair {
  const [baseline = Number.NaN, value = Number.NaN] = run.valuesOf(metric);
  return { value, baseline };
}

function isDefined({ value, baseline }: Pair): boolean {
  return !Number.isNaN(value) && !Number.isNaN(baseline);
}

/** Joins the estimates of all seeds: resample k of the whole run consists of resample k of every seed. */
function poolSeeds(estimates: readonly SeedEstimate[]): PairedEstimate {
  const seeds = estimates.map((estimate) => estimate.observed);
  const numResamples = estimates[0]?.replicates.length ?? 0;
  const replicates = Array.from({ length: numResamples }, (_, k) =>
    meanPair(estimates.flatMap((estimate) => estimate.replicates[k] ?? [])),
  );
  return { seeds, replicates };
}

function judge(
  names: { policy: string; baseline: string; metric: ComparedMetricKey },
  estimate: PairedEstimate,
): Judged {
  const { value, baseline } = meanPair(estimate.seeds);
  const share = shareEstimate(estimate);
  const ratio = share && ratioIntervalOf(share);
  return {
    share,
    figures: {
      ...names,
      value: finite(value),
      baseline_value: finite(baseline),
      ratio: finite(value / baseline),
      ratio_low: finite(ratio?.low),
      ratio_high: finite(ratio?.high),
      ...(baseline === 0 ? differenceOf(value, estimate) : {}),
    },
  };
}

/**
 * Returns the difference with its interval, which stands in for the ratio where the baseline is zero and no ratio exists.
 */
function differenceOf(value: number, estimate: PairedEstimate) {
  const difference = differenceEstimate(estimate);
  const interval: Partial<Interval> = difference === undefined ? {} : intervalOf(difference);
  return {
    difference: finite(value),
    difference_low: finite(interval.low),
    difference_high: finite(interval.high),
  };
}

function meansLast(keys: readonly ResampledMetricKey[]): readonly ResampledMetricKey[] {
  const latencies = [...new Set(keys.map(latencyOf))];
  const rank = (key: string) => 2 * latencies.indexOf(latencyOf(key)) + (key.startsWith('mean_') ? 1 : 0);
  return keys.toSorted((a, b) => rank(a) - rank(b));
}

/** Returns the part of a key that follows the statistic, such as `ttft_ms` in `p99_ttft_ms`. */
function latencyOf(key: string): string {
  return key.slice(key.indexOf('_') + 1);
}
