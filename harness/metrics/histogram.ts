/** Buckets per doubling; half a bucket over its lower edge is at most 1 / (2 * 128) = 0.39 %. */
const bucketsPerOctave = 128;
const octaveShift = 7;
const maxValue = 0xffff_ffff;
const numBuckets = (32 - octaveShift + 1) * bucketsPerOctave;

/**
 * Counts non-negative integers below 2^32 (71 minutes in microseconds; larger ones fall into the last bucket) in
 * constant memory. Every order statistic is told within 0.39 % of its true value, exactly below 256 and at the maximum.
 * Log-linear buckets after HdrHistogram (Gil Tene).
 */
export class Histogram {
  readonly #counts = new Float64Array(numBuckets);
  #size = 0;
  #max = 0;

  get size(): number {
    return this.#size;
  }

  get max(): number | undefined {
    return this.#size === 0 ? undefined : this.#max;
  }

  add(value: number): void {
    this.#size += 1;
    if (value > this.#max) this.#max = value;
    const index = bucketOf(value);
    this.#counts[index] = (this.#counts[index] as number) + 1;
  }

  /**
   * Returns the quantile by linear interpolation between order statistics, as in `base/stats.ts`; `undefined` when the
   * histogram is empty.
   */
  quantile(quantile: number): number | undefined {
    if (this.#size === 0) return undefined;
    const position = (this.#size - 1) * quantile;
    const below = Math.floor(position);
    const low = this.#orderStatistic(below);
    if (position === below) return low;
    return low + (this.#orderStatistic(below + 1) - low) * (position - below);
  }

  /** Returns the value of the `rank`-th smallest, counted from 0. */
  #orderStatistic(rank: number): number {
    if (rank >= this.#size - 1) return this.#max;
    let seen = 0;
    for (let index = 0; index < numBuckets; index += 1) {
      seen += this.#counts[index] as number;
      if (seen > rank) return Math.min(midpointOf(index), this.#max);
    }
    return this.#max;
  }
}

/** Values below 256 have a bucket of their own; above, the top eight bits choose it. */
function bucketOf(value: number): number {
  const bounded = value > maxValue ? maxValue : value;
  if (bounded < bucketsPerOctave) return bounded;
  const shift = 31 - octaveShift - Math.clz32(bounded);
  return shift * bucketsPerOctave + (bounded >>> shift);
}

function midpointOf(index: number): number {
  if (index < 2 * bucketsPerOctave) return index;
  const shift = Math.floor(index / bucketsPerOctave) - 1;
  const width = 2 ** shift;
  return (index - shift * bucketsPerOctave) * width + (width - 1) / 2;
}
