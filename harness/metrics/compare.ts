import type { RequestClass } from '../domain/workload.ts';
import { metrics } from './metrics.ts';
import { readOutcomes } from './outcomes.ts';
import { type ComparedCell, PairedRun, requestMetrics } from './paired-run.ts';
import {
  differenceInterval,
  type Interval,
  meanPair,
  type Pair,
  type PairedEstimate,
  ratioInterval,
} from './paired-interval.ts';
import type { CellSummary, Comparison } from './results.ts';

/** Metrics with one number a seed: only the seeds tell how sure a difference is. */
const cellMetrics = ['instance_seconds', 'preemption_count'] as const;

/** Metrics that policies are compared on, in the order of the report. */
export const comparedMetrics = [...requestMetrics, ...cellMetrics] as const;

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
 * - A verdict other than "cannot tell" needs a 95 % interval without 1. Each comparison stands alone: nothing is
 *   corrected for their number, so about one in twenty ties is called a difference. With a single seed it is up to one
 *   in four, for a run hardly longer than its bursts tells little about another run: take three seeds or more.
 */
export function compareStacks(cells: readonly ComparedCell[], baseline: string): Comparison[] {
  const baselineCells = cells.filter((cell) => cell.summary.policy === baseline);
  const policies = [...new Set(cells.map((cell) => cell.summary.policy))].filter(
    (policy) => policy !== baseline,
  );
  return policies.flatMap((policy) => {
    const pairs = pairBySeed(
      cells.filter((cell) => cell.summary.policy === policy),
      baselineCells,
    );
    return pairs.length === 0 ? [] : comparePair(policy, baseline, pairs);
  });
}

/** Where the cells of a results folder lie. */
export interface CellFiles {
  /** Of all finished cells. */
  readonly summaries: readonly CellSummary[];
  /** The `requests.jsonl` of a cell. */
  requestsPath(cellId: string): string;
  readonly classes: readonly RequestClass[];
  /** Name of the stack that the others are compared with. */
  readonly baseline: string;
}

/** `compareStacks` from the files of a results folder; an `InputError` when one holds something else. */
export async function compareCells(files: CellFiles): Promise<Comparison[]> {
  const cells: ComparedCell[] = [];
  for (const summary of files.summaries) {
    cells.push({ summary, outcomes: await readOutcomes(files.requestsPath(summary.id), files.classes) });
  }
  return compareStacks(cells, files.baseline);
}

interface CellPair {
  readonly policy: ComparedCell;
  readonly baseline: ComparedCell;
}

function pairBySeed(
  policyCells: readonly ComparedCell[],
  baselineCells: readonly ComparedCell[],
): CellPair[] {
  return policyCells.flatMap((policy) => {
    const baseline = baselineCells.find((cell) => cell.summary.seed === policy.summary.seed);
    return baseline === undefined ? [] : [{ policy, baseline }];
  });
}

function comparePair(policy: string, baseline: string, pairs: readonly CellPair[]): Comparison[] {
  const runs = pairs.map((pair) => new PairedRun(pair.policy, pair.baseline));
  const numRequests = Math.max(...runs.map((run) => run.length));
  const numResamples = Math.floor(
    Math.min(maxResamples, Math.max(minResamples, resampledRequests / numRequests)),
  );
  const perSeed = runs.map((run) => estimateRun(run, numResamples));
  const fromRequests = requestMetrics.map((metric, index) => {
    const estimates = perSeed.flatMap((metricsOfRun) => metricsOfRun[index] ?? []);
    return judge({ policy, baseline, metric }, poolSeeds(estimates.filter(isDefined)));
  });
  const fromCells = cellMetrics.map((metric) => {
    const seeds = pairs.map((pair) => ({
      value: pair.policy.summary[metric],
      baseline: pair.baseline.summary[metric],
    }));
    return judge({ policy, baseline, metric }, { seeds, replicates: [] });
  });
  return [...fromRequests, ...fromCells];
}

/** One metric of one seed. */
interface SeedEstimate {
  readonly observed: Pair;
  readonly replicates: Pair[];
}

/** One estimate per request metric. */
function estimateRun(run: PairedRun, numResamples: number): SeedEstimate[] {
  const estimates = pairsOf(run).map((observed): SeedEstimate => ({ observed, replicates: [] }));
  for (let resample = 0; resample < numResamples; resample += 1) {
    run.resample();
    for (const [index, pair] of pairsOf(run).entries()) estimates[index]?.replicates.push(pair);
  }
  return estimates;
}

function pairsOf(run: PairedRun): Pair[] {
  const { policy, baseline } = run.figures();
  return policy.map((value, index) => ({ value, baseline: baseline[index] ?? Number.NaN }));
}

function isDefined({ observed }: SeedEstimate): boolean {
  return !Number.isNaN(observed.value) && !Number.isNaN(observed.baseline);
}

/** Resample k of the whole is made of resample k of every seed. */
function poolSeeds(estimates: readonly SeedEstimate[]): PairedEstimate {
  const seeds = estimates.map((estimate) => estimate.observed);
  const numResamples = estimates[0]?.replicates.length ?? 0;
  const replicates = Array.from({ length: numResamples }, (_, k) =>
    meanPair(estimates.flatMap((estimate) => estimate.replicates[k] ?? [])),
  );
  return { seeds, replicates };
}

function judge(
  names: { policy: string; baseline: string; metric: (typeof comparedMetrics)[number] },
  estimate: PairedEstimate,
): Comparison {
  const { value, baseline } = meanPair(estimate.seeds);
  const ratio = ratioInterval(estimate);
  return {
    ...names,
    value: finite(value),
    baseline_value: finite(baseline),
    ratio: finite(value / baseline),
    ratio_low: finite(ratio?.low),
    ratio_high: finite(ratio?.high),
    ...(baseline === 0 ? differenceOf(value, differenceInterval(estimate)) : {}),
    verdict: verdictOf(ratio, metrics[names.metric].better),
  };
}

/** The difference from a baseline of zero. */
function differenceOf(value: number, interval: Interval | undefined) {
  return {
    difference: finite(value),
    difference_low: finite(interval?.low),
    difference_high: finite(interval?.high),
  };
}

function verdictOf(ratio: Interval | undefined, better: 'lower' | 'higher'): Comparison['verdict'] {
  if (ratio === undefined || (ratio.low <= 1 && ratio.high >= 1)) return 'cannot tell';
  const isLower = ratio.high < 1;
  return isLower === (better === 'lower') ? 'better' : 'worse';
}

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}
