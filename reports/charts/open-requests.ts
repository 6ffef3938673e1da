import { sorted } from '../../harness/base/stats.ts';
import type { DoneCell } from '../load.ts';
import { binBy, greatest } from '../thin.ts';
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
  let [numArrived, numEnded] = [0, 0];
  const all = samplesOf(cell.timeseries).map(({ timeUs, running }): OpenRequests => {
    while ((arrivals[numArrived] ?? Infinity) <= timeUs) numArrived += 1;
    while ((ends[numEnded] ?? Infinity) <= timeUs) numEnded += 1;
    return { timeUs, open: numArrived - numEnded, running };
  });
  return binBy(all, (one) => one.timeUs, maxSteps).flatMap((bin) => greatest(bin, (one) => one.open) ?? []);
}
