import { mean, quantileOfSorted, sorted, standardDeviation } from '../harness/base/stats.ts';
import type { Workload } from '../harness/domain/workload.ts';
import { type KvDemand, measureKvDemand } from './kv-demand.ts';
import { layOutTimeline, type Timeline } from './timeline.ts';

export interface DescribeOptions {
  /**
   * Decoding speed assumed for every request, to estimate KV demand and the arrivals that follow an answer.
   * Default: 20.
   */
  readonly decodeTokensPerS?: number;
  /** Largest number of bins of the time series. Default: 60. */
  readonly maxBins?: number;
}

export interface LengthSummary {
  readonly total: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface PeakRate {
  readonly windowS: number;
  /** The largest number of arrivals in any window of this length. */
  readonly count: number;
  /** `count` divided by the mean number of arrivals in such a window. */
  readonly toMean: number;
}

export interface ClassSummary {
  readonly name: string;
  readonly numRequests: number;
  /** Share of the requests, and share of all answer tokens, 0 to 1. */
  readonly requestRatio: number;
  readonly outputTokensRatio: number;
}

/**
 * Time series with one value per bin, from time 0 to the bin of the last arrival; `startS` is the start of
 * each bin.
 */
export interface WorkloadSeries {
  readonly binS: number;
  readonly startS: readonly number[];
  readonly arrivals: readonly number[];
  /** Prompt and answer tokens of the requests that arrive in the bin. */
  readonly promptTokens: readonly number[];
  readonly outputTokens: readonly number[];
  /** Resident KV tokens at the end of the bin. */
  readonly kvTokens: readonly number[];
}

export interface WorkloadDescription {
  readonly numRequests: number;
  /**
   * Number of requests that arrive after another request has ended; their arrival times are estimates at
   * `decodeTokensPerS`.
   */
  readonly numFollowers: number;
  /** Seconds from the first to the last arrival. */
  readonly durationS: number;
  /** Arrivals per second; undefined if all requests arrive at the same instant. */
  readonly meanRate: number | undefined;
  /**
   * Coefficient of variation of the gaps between arrivals: standard deviation divided by mean, 1 for a
   * Poisson process. Undefined if the mean is 0 or there are too few gaps.
   */
  readonly interArrivalCv: number | undefined;
  readonly peaks: readonly PeakRate[];
  readonly promptTokens: LengthSummary;
  readonly outputTokens: LengthSummary;
  readonly classes: readonly ClassSummary[];
  /**
   * Chains of requests in which each follows the previous one: conversations, and clients of a closed loop.
   */
  readonly chains: { readonly count: number; readonly meanTurns: number; readonly maxTurns: number };
  readonly jobs: { readonly count: number; readonly meanBranches: number; readonly meanNeeded: number };
  readonly decodeTokensPerS: number;
  readonly kv: Omit<KvDemand, 'tokensAtBinEnd'>;
  readonly series: WorkloadSeries;
}

/**
 * Computes statistics of a workload before anything serves it. A pure function; the workload must not be
 * empty.
 */
export function describeWorkload(workload: Workload, options: DescribeOptions = {}): WorkloadDescription {
  const { decodeTokensPerS = 20, maxBins = 60 } = options;
  const timeline = layOutTimeline(workload, decodeTokensPerS);
  const arrivals = sorted(timeline.arrivalS);
  const lastS = arrivals.at(-1) ?? 0;
  const durationS = lastS - (arrivals[0] ?? 0);
  const bins = createBins(lastS, maxBins);
  const { tokensAtBinEnd, ...kv } = measureKvDemand(
    timeline,
    decodeTokensPerS,
    bins.startS.map((startS) => startS + bins.binS),
  );
  return {
    numRequests: workload.numRequests,
    numFollowers: timeline.numFollowers,
    durationS,
    meanRate: durationS > 0 ? arrivals.length / durationS : undefined,
    interArrivalCv: gapVariation(arrivals),
    peaks: peakRates(arrivals, durationS),
    promptTokens: summarizeLengths(timeline.promptTokens),
    outputTokens: summarizeLengths(timeline.outputTokens),
    classes: summarizeClasses(timeline),
    chains: {
      count: timeline.turns.length,
      meanTurns: mean(timeline.turns) ?? 0,
      maxTurns: timeline.turns.reduce((a, b) => Math.max(a, b), 0),
    },
    jobs: {
      count: timeline.jobs.length,
      meanBranches: mean(timeline.jobs.map(({ branches }) => branches.length)) ?? 0,
      meanNeeded: mean(timeline.jobs.map(({ needed }) => needed)) ?? 0,
    },
    decodeTokensPerS,
    kv,
    series: { ...fillBins(timeline, bins), kvTokens: tokensAtBinEnd },
  };
}

function summarizeLengths(values: Int32Array): LengthSummary {
  const ordered = sorted(values);
  const average = mean(values) ?? 0;
  return {
    total: average * values.length,
    mean: average,
    p50: quantileOfSorted(ordered, 0.5) ?? 0,
    p90: quantileOfSorted(ordered, 0.9) ?? 0,
    p99: quantileOfSorted(ordered, 0.99) ?? 0,
    max: ordered.at(-1) ?? 0,
  };
}

function summarizeClasses({ classNames, classOf, outputTokens }: Timeline): ClassSummary[] {
  const counts = classNames.map(() => 0);
  const outputs = classNames.map(() => 0);
  let total = 0;
  classOf.forEach((index, id) => {
    const output = outputTokens[id] ?? 0;
    counts[index] = (counts[index] ?? 0) + 1;
    outputs[index] = (outputs[index] ?? 0) + output;
    total += output;
  });
  return classNames.map((name, index) => ({
    name,
    numRequests: counts[index] ?? 0,
    requestRatio: (counts[index] ?? 0) / classOf.length,
    outputTokensRatio: (outputs[index] ?? 0) / total,
  }));
}

function gapVariation(arrivals: Float64Array): number | undefined {
  const gaps = arrivals.subarray(1).map((timeS, index) => timeS - (arrivals[index] as number));
  const average = mean(gaps);
  const deviation = standardDeviation(gaps);
  if (average === undefined || average === 0 || deviation === undefined) return undefined;
  return deviation / average;
}

const windowsS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 10, 60] as const;

/**
 * Computes the peak rates for the three longest windows that fit into the duration at least five times: 1, 10
 * and 60 s for workloads of five minutes or more.
 */
function peakRates(arrivals: Float64Array, durationS: number): PeakRate[] {
  return windowsS
    .filter((windowS) => windowS * 5 <= durationS)
    .slice(-3)
    .map((windowS) => {
      const count = peakCount(arrivals, windowS);
      return { windowS, count, toMean: (count * durationS) / (windowS * arrivals.length) };
    });
}

/** Returns the largest number of arrivals in any window `[t, t + windowS)`. */
function peakCount(arrivals: Float64Array, windowS: number): number {
  let peak = 0;
  let first = 0;
  arrivals.forEach((timeS, index) => {
    while (timeS - (arrivals[first] as number) >= windowS) first += 1;
    peak = Math.max(peak, index - first + 1);
  });
  return peak;
}

interface Bins {
  readonly binS: number;
  readonly startS: readonly number[];
}

/**
 * Creates at most `maxBins` bins that cover time 0 to the last arrival. Their width is 1, 2 or 5 times
 * a power of ten.
 */
function createBins(lastS: number, maxBins: number): Bins {
  const widest = Math.max(lastS, 1e-6) / maxBins;
  const power = 10 ** Math.floor(Math.log10(widest));
  const binS = power * ([1, 2, 5].find((step) => step * power > widest) ?? 10);
  return { binS, startS: Array.from({ length: Math.floor(lastS / binS) + 1 }, (_, index) => index * binS) };
}

function fillBins(timeline: Timeline, { binS, startS }: Bins): Omit<WorkloadSeries, 'kvTokens'> {
  const arrivals = startS.map(() => 0);
  const promptTokens = startS.map(() => 0);
  const outputTokens = startS.map(() => 0);
  timeline.arrivalS.forEach((arrivalS, id) => {
    const bin = Math.min(startS.length - 1, Math.floor(arrivalS / binS));
    arrivals[bin] = (arrivals[bin] ?? 0) + 1;
    promptTokens[bin] = (promptTokens[bin] ?? 0) + (timeline.promptTokens[id] ?? 0);
    outputTokens[bin] = (outputTokens[bin] ?? 0) + (timeline.outputTokens[id] ?? 0);
  });
  return { binS, startS, arrivals, promptTokens, outputTokens };
}
