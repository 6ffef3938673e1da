import { mean, quantileOfSorted } from '../base/stats.ts';
import { usPerMs } from '../base/units.ts';
import type { Histogram } from './histogram.ts';
import type { RequestLatency } from './request-latencies.ts';
import { type Samples, sortedUnion } from './samples.ts';

/** Latencies of which only order statistics are known, in milliseconds. */
export interface Quantiles {
  /** `quantile` in [0, 1]; `undefined` when there is no latency. */
  quantile(quantile: number): number | undefined;
}

/** Latencies in milliseconds. Without any latency every statistic is `undefined`. */
export interface Latencies extends Quantiles {
  readonly size: number;
  mean(): number | undefined;
}

/** Latencies in ascending order, infinite ones last, in a unit of which `perMs` are a millisecond. */
export class SortedLatencies implements Latencies {
  readonly #sorted: Float64Array;
  readonly #perMs: number;

  constructor(sorted: Float64Array, perMs: number) {
    this.#sorted = sorted;
    this.#perMs = perMs;
  }

  get size(): number {
    return this.#sorted.length;
  }

  mean(): number | undefined {
    return toMs(mean(this.#sorted), this.#perMs);
  }

  /**
   * Interpolates as `base/stats.ts` does; where that would take infinity from infinity, the lower order statistic is the
   * answer.
   */
  quantile(quantile: number): number | undefined {
    const interpolated = quantileOfSorted(this.#sorted, quantile);
    if (!Number.isNaN(interpolated)) return toMs(interpolated, this.#perMs);
    return toMs(this.#sorted[Math.floor((this.size - 1) * quantile)], this.#perMs);
  }
}

/** Joins several lists of latencies in microseconds. */
export function latenciesOf(lists: readonly Samples[]): Latencies {
  return new SortedLatencies(sortedUnion(lists), usPerMs);
}

/** Makes the order statistics of a histogram of microseconds available in milliseconds. */
export function quantilesOf(histogram: Histogram): Quantiles {
  return { quantile: (quantile) => toMs(histogram.quantile(quantile), usPerMs) };
}

function toMs(value: number | undefined, perMs: number): number | undefined {
  return value === undefined ? undefined : value / perMs;
}

/** Returns a function that calls `make` when a latency is first asked for, and keeps what it returned. */
export function once<T>(make: (latency: RequestLatency) => T): (latency: RequestLatency) => T {
  const made = new Map<RequestLatency, T>();
  return (latency) => {
    const value = made.get(latency) ?? make(latency);
    made.set(latency, value);
    return value;
  };
}
