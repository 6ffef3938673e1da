import type { RequestRow, StackInfo } from '../../harness/metrics/results.ts';
import { cellsOf } from '../load.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownSeed, shownStacks } from '../stacks.ts';
import { roundForPicture } from '../thin.ts';
import type { Stretch, TimeAxis } from './grammar/index.ts';

export const numArrivalBins = 80;

export interface ArrivalBin extends Stretch {
  /** Requests a second. */
  readonly rate: number;
}

/** The cells that the charts over time show: one seed of every stack that is meant. */
export function shownCells(
  results: Results,
  isMeant: (stack: StackInfo) => boolean = () => true,
): readonly DoneCell[] {
  const seed = shownSeed(results);
  const stacks = shownStacks(results).filter(isMeant);
  return stacks.flatMap((stack) => cellsOf(results, stack).filter((cell) => cell.seed === seed));
}

/** Seconds from 0 to the last end or sample of all shown cells, so that their charts share one axis. */
export function timeDomain(cells: readonly DoneCell[]): readonly [number, number] {
  let end = 0;
  for (const cell of cells) {
    end = Math.max(end, (cell.timeseries.at(-1)?.time_us ?? 0) / 1e6);
    for (const row of cell.requests) end = Math.max(end, (row.ended_at_us ?? row.arrived_at_us) / 1e6);
  }
  return [0, roundForPicture(end)];
}

/** The time axis of some cells, tinted where a burst of requests arrives at the first of them. */
export function tintedAxis(cells: readonly DoneCell[]): TimeAxis {
  const domain = timeDomain(cells);
  return {
    domain,
    bursts: burstStretches(arrivalRates(cells[0]?.requests ?? [], domain[1], numArrivalBins)),
  };
}

/** Arrivals in `numBins` equal bins of the time axis. */
export function arrivalRates(rows: readonly RequestRow[], endS: number, numBins: number): ArrivalBin[] {
  const width = endS / numBins;
  const counts = Array.from({ length: numBins }, () => 0);
  for (const row of rows) {
    const index = Math.min(numBins - 1, Math.floor(row.arrived_at_us / 1e6 / width));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count, index) => ({
    start: roundForPicture(index * width),
    end: roundForPicture((index + 1) * width),
    rate: roundForPicture(count / width),
  }));
}

/** Stretches whose smoothed arrival rate is above 1.5 times the mean: where the charts are tinted. */
export function burstStretches(bins: readonly ArrivalBin[]): Stretch[] {
  const lastArrival = bins.findLastIndex((bin) => bin.rate > 0);
  const active = bins.slice(0, lastArrival + 1);
  const mean = active.reduce((sum, bin) => sum + bin.rate, 0) / Math.max(1, active.length);
  const stretches: { start: number; end: number }[] = [];
  active.forEach((bin, index) => {
    const near = active.slice(Math.max(0, index - 1), index + 2);
    const smooth = near.reduce((sum, other) => sum + other.rate, 0) / near.length;
    if (smooth <= 1.5 * mean) return;
    const last = stretches.at(-1);
    if (last !== undefined && last.end === bin.start) last.end = bin.end;
    else stretches.push({ start: bin.start, end: bin.end });
  });
  return stretches;
}
