import { usPerMs, usPerSecond } from '../base/units.ts';
import { BlockResampler } from './block-bootstrap.ts';
import { once, SortedLatencies } from './latencies.ts';
import { metrics, type ResampledMetricKey } from './metrics.ts';
import type { RequestOutcomes } from './outcomes.ts';
import type { RequestLatency } from './request-latencies.ts';
import type { CellSummary } from './results.ts';
import type { TalliedResample } from './tallied.ts';

/** One finished cell, as a comparison reads it. */
export interface ComparedCell {
  readonly summary: CellSummary;
  readonly outcomes: RequestOutcomes;
}

/** The cell as if it had served the requests of this class alone. */
export function ofClass({ summary, outcomes }: ComparedCell, name: string): ComparedCell {
  return { summary: { ...summary, ...summary.classes[name] }, outcomes: outcomes.ofClass(name) };
}

/**
 * The same requests in several cells, in order of their arrival in the first of them that saw them. A request that only some
 * of them ever saw (a follow-up of a turn that never ended for the others) counts as never answered there.
 */
export class SharedRequests {
  readonly #sides: readonly Side[];
  readonly #resampler: BlockResampler;
  #drawn: readonly TalliedResample[];

  /** The cells have one seed and one load. */
  constructor(cells: readonly [ComparedCell, ...ComparedCell[]]) {
    const ids = idsInOrder(cells.map(({ outcomes }) => outcomes));
    this.#sides = cells.map((cell) => new Side(cell, ids));
    this.#resampler = new BlockResampler(ids.length, cells[0].summary.seed);
    this.#drawn = this.#draw();
  }

  /** Requests that at least one cell saw. */
  get length(): number {
    return this.#resampler.counts.length;
  }

  /** The metric of every cell in the present resample (at first the run as it was); `NaN` where undefined. */
  valuesOf(metric: ResampledMetricKey): number[] {
    const { compute } = metrics[metric];
    return this.#drawn.map((drawn) => compute(drawn) ?? Number.NaN);
  }

  /** Draws the next resample: the same blocks of requests in every cell. */
  resample(): void {
    this.#resampler.next();
    this.#drawn = this.#draw();
  }

  #draw(): readonly TalliedResample[] {
    const { counts } = this.#resampler;
    return this.#sides.map((side) => side.drawn(counts));
  }
}

/** Those that any of the cells saw. */
function idsInOrder(cells: readonly RequestOutcomes[]): number[] {
  const numIds = Math.max(...cells.map(({ arrivedAtUs }) => arrivedAtUs.length));
  const arrivals: { readonly id: number; readonly atUs: number }[] = [];
  for (let id = 0; id < numIds; id += 1) {
    const first = cells.find((outcomes) => outcomes.has(id));
    if (first !== undefined) arrivals.push({ id, atUs: first.arrivedAtUs[id] as number });
  }
  return arrivals.toSorted((a, b) => a.atUs - b.atUs || a.id - b.id).map(({ id }) => id);
}

/** One cell's requests in the common order. */
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

  /** With each request as often as `counts` says; valid until the next call. */
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

function weigh(counts: Int32Array, flags: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i += 1) total += (counts[i] as number) * (flags[i] as number);
  return total;
}
