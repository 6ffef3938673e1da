import { usPerMs, usPerSecond } from '../base/units.ts';
import { BlockResampler } from './block-bootstrap.ts';
import { once, SortedLatencies } from './latencies.ts';
import { metrics, type ResampledMetricKey } from './metrics.ts';
import type { RequestOutcomes } from './outcomes.ts';
import type { Pair } from './paired-interval.ts';
import type { RequestLatency } from './request-latencies.ts';
import type { CellSummary } from './results.ts';
import type { TalliedResample } from './tallied.ts';

/** One finished cell, as a comparison reads it. */
export interface ComparedCell {
  readonly summary: CellSummary;
  readonly outcomes: RequestOutcomes;
}

/**
 * The same requests under a policy and under the baseline, in order of their arrival at the baseline. A request that
 * only one of them ever saw (a follow-up of a turn that never ended for the other) counts as never answered there.
 */
export class PairedRun {
  readonly #policy: Side;
  readonly #baseline: Side;
  readonly #resampler: BlockResampler;
  #drawn: { readonly policy: TalliedResample; readonly baseline: TalliedResample };

  constructor(policy: ComparedCell, baseline: ComparedCell) {
    const ids = idsInOrder(policy.outcomes, baseline.outcomes);
    this.#policy = new Side(policy, ids);
    this.#baseline = new Side(baseline, ids);
    this.#resampler = new BlockResampler(ids.length, baseline.summary.seed);
    this.#drawn = this.#draw();
  }

  /** Returns how many requests at least one of the two policies saw. */
  get length(): number {
    return this.#resampler.counts.length;
  }

  /**
   * Returns the metric under both policies in the current resample, which is the run as it was until `resample` is first
   * called. A side where the metric is undefined is `NaN`.
   */
  pairOf(metric: ResampledMetricKey): Pair {
    const { policy, baseline } = this.#drawn;
    const { compute } = metrics[metric];
    return { value: compute(policy) ?? Number.NaN, baseline: compute(baseline) ?? Number.NaN };
  }

  /** Draws the next resample. Both policies get the same blocks of requests. */
  resample(): void {
    this.#resampler.next();
    this.#drawn = this.#draw();
  }

  #draw() {
    const { counts } = this.#resampler;
    return { policy: this.#policy.drawn(counts), baseline: this.#baseline.drawn(counts) };
  }
}

function idsInOrder(policy: RequestOutcomes, baseline: RequestOutcomes): number[] {
  const numIds = Math.max(policy.arrivedAtUs.length, baseline.arrivedAtUs.length);
  const ids: number[] = [];
  for (let id = 0; id < numIds; id += 1) if (policy.has(id) || baseline.has(id)) ids.push(id);
  const arrival = (id: number) => (baseline.has(id) ? baseline : policy).arrivedAtUs[id] as number;
  return ids.toSorted((a, b) => arrival(a) - arrival(b) || a - b);
}

/** The requests of one of the two cells, in the order that both cells share. */
class Side {
  readonly #column: (of: RequestLatency) => Column;
  readonly #isMet: Uint8Array;
  readonly #isEligible: Uint8Array;
  readonly #hasTargets: boolean;
  readonly #durationSeconds: number;

  constructor({ summary, outcomes }: ComparedCell, ids: readonly number[]) {
    this.#column = once((of) => {
      const valuesMs = outcomes.latenciesMs[of];
      return new Column(ids.map((id) => latencyOf(outcomes, valuesMs, id)));
    });
    this.#isMet = Uint8Array.from(ids, (id) => outcomes.isMet[id] ?? 0);
    this.#isEligible = Uint8Array.from(ids, (id) => (outcomes.isAborted[id] === 1 ? 0 : 1));
    this.#hasTargets = summary.slo_attainment !== null;
    this.#durationSeconds = (summary.duration_ms * usPerMs) / usPerSecond;
  }

  /**
   * Returns what metrics are computed from when each request counts as often as `counts` says. The result is valid until
   * the next call.
   */
  drawn(counts: Int32Array): TalliedResample {
    return {
      latencies: once((of: RequestLatency) => new SortedLatencies(this.#column(of).resampled(counts), 1)),
      hasTargets: this.#hasTargets,
      numMet: weigh(counts, this.#isMet),
      numEligible: weigh(counts, this.#isEligible),
      perSecond: (amount) => amount / this.#durationSeconds,
    };
  }
}

function latencyOf(outcomes: RequestOutcomes, values: Float64Array, id: number): number {
  if (outcomes.isAborted[id] === 1) return Number.NaN;
  return outcomes.has(id) ? (values[id] as number) : Number.POSITIVE_INFINITY;
}

/** One latency of every request. It is sorted once, so that every resample comes out sorted without being sorted again. */
class Column {
  readonly #positions: Int32Array;
  readonly #sorted: Float64Array;
  readonly #scratch: Float64Array;

  /** `values` has one value for each position in the common order; values that are `NaN` are left out. */
  constructor(values: readonly number[]) {
    const positions = [...values.keys()].filter((position) => !Number.isNaN(values[position]));
    const valueAt = (position: number) => values[position] as number;
    this.#positions = Int32Array.from(positions.toSorted((a, b) => compareNumbers(valueAt(a), valueAt(b))));
    this.#sorted = Float64Array.from(this.#positions, valueAt);
    this.#scratch = new Float64Array(values.length);
  }

  /** Returns the values in ascending order, each as often as it was drawn. The array is valid until the next call. */
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

/** Compares two numbers, also infinite ones, whose difference would be no number. */
function compareNumbers(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function weigh(counts: Int32Array, flags: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i += 1) total += (counts[i] as number) * (flags[i] as number);
  return total;
}
