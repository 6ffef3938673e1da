import { max, mean } from 'd3-array';
import type { RequestRow, StackInfo } from '../../harness/metrics/results.ts';
import { cellsOf } from '../load.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownSeed, shownStacks } from '../stacks.ts';
import { roundForPicture, seconds } from '../thin.ts';
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
  const lastUs = max(cells, ({ timeseries, requests }) =>
    Math.max(
      timeseries.at(-1)?.time_us ?? 0,
      max(requests, (row) => row.ended_at_us ?? row.arrived_at_us) ?? 0,
    ),
  );
  return [0, seconds(lastUs ?? 0)];
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
  const active = bins.slice(0, bins.findLastIndex(({ rate }) => rate > 0) + 1);
  const average = mean(active, ({ rate }) => rate) ?? 0;
  const stretches: Stretch[] = [];
  for (const [index, { start, end }] of active.entries()) {
    const near = active.slice(Math.max(0, index - 1), index + 2);
    if ((mean(near, ({ rate }) => rate) ?? 0) <= 1.5 * average) continue;
    const isNext = stretches.at(-1)?.end === start;
    stretches.push({ start: (isNext ? stretches.pop()?.start : undefined) ?? start, end });
  }
  return stretches;
}
