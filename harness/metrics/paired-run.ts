import { mean, quantileOfSorted } from '../base/stats.ts';
import { usPerMs, usPerSecond } from '../base/units.ts';
import { BlockResampler } from './block-bootstrap.ts';
import type { MetricKey } from './metrics.ts';
import type { RequestOutcomes } from './outcomes.ts';
import type { CellSummary } from './results.ts';

/** One finished cell, as a comparison reads it. */
export interface ComparedCell {
  readonly summary: CellSummary;
  readonly outcomes: RequestOutcomes;
}

/** One side's requests as a resample drew them: latencies ascending in milliseconds, counts of requests. */
interface Resample {
  readonly ttft: Float64Array;
  readonly tpot: Float64Array;
  readonly e2el: Float64Array;
  /** `NaN` where no class has a target. */
  readonly numMet: number;
  readonly numEligible: number;
  readonly durationSeconds: number;
}

/** How each metric is computed again from the requests of a resample. */
const figureOf = {
  p50_ttft_ms: ({ ttft }) => quantileOf(ttft, 0.5),
  p99_ttft_ms: ({ ttft }) => quantileOf(ttft, 0.99),
  p999_ttft_ms: ({ ttft }) => quantileOf(ttft, 0.999),
  mean_ttft_ms: ({ ttft }) => mean(ttft) ?? Number.NaN,
  p50_tpot_ms: ({ tpot }) => quantileOf(tpot, 0.5),
  p99_tpot_ms: ({ tpot }) => quantileOf(tpot, 0.99),
  p999_tpot_ms: ({ tpot }) => quantileOf(tpot, 0.999),
  mean_e2el_ms: ({ e2el }) => mean(e2el) ?? Number.NaN,
  slo_attainment: ({ numMet, numEligible }) => numMet / numEligible,
  goodput_rps: ({ numMet, durationSeconds }) => numMet / durationSeconds,
} as const satisfies Partial<Record<MetricKey, (resample: Resample) => number>>;

type RequestMetric = keyof typeof figureOf;

/** Metrics that are computed again from the requests in every resample. */
export const requestMetrics = Object.keys(figureOf) as readonly RequestMetric[];

/** One number per entry of `requestMetrics`; `NaN` where undefined. */
export type RequestFigures = readonly number[];

/**
 * The same requests under a policy and under the baseline, in order of their arrival at the baseline. A request that
 * only one of them ever saw (a follow-up of a turn that never ended for the other) counts as never answered there.
 */
export class PairedRun {
  readonly #policy: Side;
  readonly #baseline: Side;
  readonly #resampler: BlockResampler;

  constructor(policy: ComparedCell, baseline: ComparedCell) {
    const ids = idsInOrder(policy.outcomes, baseline.outcomes);
    this.#policy = new Side(policy, ids);
    this.#baseline = new Side(baseline, ids);
    this.#resampler = new BlockResampler(ids.length, baseline.summary.seed);
  }

  /** Requests that at least one side saw. */
  get length(): number {
    return this.#resampler.counts.length;
  }

  /** Both sides in the present resample: at first the run as it was. */
  figures(): { readonly policy: RequestFigures; readonly baseline: RequestFigures } {
    const { counts } = this.#resampler;
    return { policy: this.#policy.figures(counts), baseline: this.#baseline.figures(counts) };
  }

  /** Draws the next resample: the same blocks of requests for both sides. */
  resample(): void {
    this.#resampler.next();
  }
}

function idsInOrder(policy: RequestOutcomes, baseline: RequestOutcomes): number[] {
  const numIds = Math.max(policy.arrivedAtUs.length, baseline.arrivedAtUs.length);
  const ids: number[] = [];
  for (let id = 0; id < numIds; id += 1) if (policy.has(id) || baseline.has(id)) ids.push(id);
  const arrival = (id: number) => (baseline.has(id) ? baseline : policy).arrivedAtUs[id] as number;
  return ids.toSorted((a, b) => arrival(a) - arrival(b) || a - b);
}

/** One cell's requests in the common order. */
class Side {
  readonly #ttft: Column;
  readonly #tpot: Column;
  readonly #e2el: Column;
  readonly #isMet: Uint8Array;
  readonly #isEligible: Uint8Array;
  readonly #hasTargets: boolean;
  readonly #durationSeconds: number;

  constructor({ summary, outcomes }: ComparedCell, ids: readonly number[]) {
    this.#isEligible = Uint8Array.from(ids, (id) => (outcomes.isAborted[id] === 1 ? 0 : 1));
    const latency = (values: Float64Array) => new Column(ids.map((id) => latencyOf(outcomes, values, id)));
    this.#ttft = latency(outcomes.ttftMs);
    this.#tpot = latency(outcomes.tpotMs);
    this.#e2el = latency(outcomes.e2elMs);
    this.#isMet = Uint8Array.from(ids, (id) => outcomes.isMet[id] ?? 0);
    this.#hasTargets = summary.slo_attainment !== null;
    this.#durationSeconds = (summary.duration_ms * usPerMs) / usPerSecond;
  }

  figures(counts: Int32Array): RequestFigures {
    const resample: Resample = {
      ttft: this.#ttft.resampled(counts),
      tpot: this.#tpot.resampled(counts),
      e2el: this.#e2el.resampled(counts),
      numMet: this.#hasTargets ? weigh(counts, this.#isMet) : Number.NaN,
      numEligible: weigh(counts, this.#isEligible),
      durationSeconds: this.#durationSeconds,
    };
    return requestMetrics.map((metric) => figureOf[metric](resample));
  }
}

function latencyOf(outcomes: RequestOutcomes, values: Float64Array, id: number): number {
  if (outcomes.isAborted[id] === 1) return Number.NaN;
  return outcomes.has(id) ? (values[id] as number) : Number.POSITIVE_INFINITY;
}

/** Values sorted once, so that a resample comes out sorted without sorting again. */
class Column {
  readonly #positions: Int32Array;
  readonly #sorted: Float64Array;
  readonly #scratch: Float64Array;

  /** One value per position in the common order; `NaN` ones are left out. */
  constructor(values: readonly number[]) {
    const positions = [...values.keys()].filter((position) => !Number.isNaN(values[position]));
    const valueAt = (position: number) => values[position] as number;
    this.#positions = Int32Array.from(positions.toSorted((a, b) => compareNumbers(valueAt(a), valueAt(b))));
    this.#sorted = Float64Array.from(this.#positions, valueAt);
    this.#scratch = new Float64Array(values.length);
  }

  /** Ascending, each value as often as it was drawn; valid until the next call. */
  resampled(counts: Int32Array): Float64Array {
    let length = 0;
    for (let rank = 0; rank < this.#sorted.length; rank += 1) {
      const value = this.#sorted[rank] as number;
      for (let left = counts[this.#positions[rank] as number] as number; left > 0; left -= 1) {
        this.#scratch[length] = value;
        length += 1;
      }
    }
    return this.#scratch.subarray(0, length);
  }
}

/** Also for infinities, whose difference is no number. */
function compareNumbers(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** As in `base/stats.ts`, with infinities at the top; `NaN` when empty. */
function quantileOf(sortedValues: Float64Array, quantile: number): number {
  const interpolated = quantileOfSorted(sortedValues, quantile) ?? Number.NaN;
  if (!Number.isNaN(interpolated)) return interpolated;
  return sortedValues[Math.floor((sortedValues.length - 1) * quantile)] ?? Number.NaN;
}

function weigh(counts: Int32Array, flags: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i += 1) total += (counts[i] as number) * (flags[i] as number);
  return total;
}
