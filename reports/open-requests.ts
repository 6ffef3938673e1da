import { bisectRight } from 'd3-array';
import { sorted } from '../harness/base/stats.ts';
import type { DoneCell } from './load.ts';
import { peaksOf } from './thin.ts';
import { samplesOf } from './samples.ts';

/** Requests at one sample. */
export interface OpenRequests {
  readonly timeUs: number;
  /** Arrived and not ended, wherever they wait. */
  readonly open: number;
  readonly running: number;
}

/** Open requests at the samples of a cell; of each of at most `maxSteps` stretches the sample with the most is kept. */
export function openRequests(cell: DoneCell, maxSteps: number): OpenRequests[] {
  const arrivals = sorted(cell.requests.map((row) => row.arrived_at_us));
  const ends = sorted(cell.requests.flatMap((row) => row.ended_at_us ?? []));
  const all = samplesOf(cell.timeseries).map(({ timeUs, running }) => {
    return { timeUs, open: bisectRight(arrivals, timeUs) - bisectRight(ends, timeUs), running };
  });
  return peaksOf(
    all,
    ({ timeUs }) => timeUs,
    maxSteps,
    ({ open }) => open,
  );
}
