import { extent, greatest, group, max } from 'd3-array';
import { quantileOfSorted } from '../harness/base/stats.ts';

/** A few significant digits are plenty for a picture, and keep the page small. */
export function roundForPicture(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(4));
}

/** Place on a time axis in seconds. */
export function seconds(timeUs: number): number {
  return roundForPicture(timeUs / 1e6);
}

/** The items split into at most `maxBins` equal stretches of `position`; empty stretches are left out. */
export function binBy<T>(items: readonly T[], position: (item: T) => number, maxBins: number): T[][] {
  if (items.length <= maxBins) return items.map((item) => [item]);
  const [low = 0, high = 0] = extent(items, position);
  const bins: T[][] = Array.from({ length: maxBins }, () => []);
  const scale = high > low ? maxBins / (high - low) : 0;
  for (const item of items) {
    bins[Math.min(maxBins - 1, Math.floor((position(item) - low) * scale))]?.push(item);
  }
  return bins.filter((bin) => bin.length > 0);
}

/** Of each of at most `maxBins` equal stretches of `position` the item with the greatest score, so that no peak is lost. */
export function peaksOf<T>(
  items: readonly T[],
  position: (item: T) => number,
  maxBins: number,
  score: (item: T) => number,
): T[] {
  return binBy(items, position, maxBins).flatMap((bin) => greatest(bin, score) ?? []);
}

/** The first item of those of which `keyOf` says the same. */
export function firstOfEach<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...group(items, keyOf).values()].flatMap((same) => same.slice(0, 1));
}

/** The greatest of numbers from 0 on; 0 for none. */
export function greatestOf(values: readonly number[]): number {
  return Math.max(0, max(values) ?? 0);
}

export interface StepPoint {
  readonly value: number;
  /** Share of all, not only of those with a value, that lie at or below it. */
  readonly share: number;
}

/**
 * Cumulative distribution of sorted values as at most `numPoints` points: evenly spread shares, with one in three
 * points kept for the last tenth, where tails are read. `total` counts those without a value too.
 */
export function cumulative(values: ArrayLike<number>, total: number, numPoints: number): StepPoint[] {
  if (values.length === 0) return [];
  const quantiles = values.length <= numPoints ? evenly(values.length) : tailed(numPoints);
  return quantiles.map((quantile) => ({
    value: roundForPicture(quantileOfSorted(values, quantile) ?? 0),
    share: roundForPicture((quantile * (values.length - 1) + 1) / total),
  }));
}

function evenly(length: number): number[] {
  return Array.from({ length }, (_, index) => (length === 1 ? 1 : index / (length - 1)));
}

function tailed(numPoints: number): number[] {
  const tail = Math.floor(numPoints / 3);
  const body = numPoints - tail;
  return [
    ...Array.from({ length: body }, (_, index) => (0.9 * index) / body),
    ...Array.from({ length: tail }, (_, index) => 0.9 + (0.1 * index) / (tail - 1)),
  ];
}

/** At most `maxTimes` of the times at which there are rows, evenly chosen, the first and the last among them. */
export function thinnedTimes(
  rows: readonly { readonly time_us: number }[],
  maxTimes: number,
): ReadonlySet<number> {
  const times = [...new Set(rows.map((row) => row.time_us))];
  if (times.length <= maxTimes) return new Set(times);
  const step = (times.length - 1) / (maxTimes - 1);
  return new Set(Array.from({ length: maxTimes }, (_, index) => times[Math.round(index * step)] ?? 0));
}
