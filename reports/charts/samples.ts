import type { TimeseriesRow } from '../../harness/metrics/results.ts';
import type { DoneCell } from '../load.ts';

/** The whole cluster at one time: the rows of all instances added up. */
export interface Sample {
  readonly timeUs: number;
  readonly weightBytes: number;
  readonly kvUsedBytes: number;
  readonly kvFreeBytes: number;
  readonly reserveBytes: number;
  readonly hostKvBytes: number;
  readonly waiting: number;
  readonly running: number;
}

/** A cell's samples in order of time. */
export interface Series {
  readonly cell: DoneCell;
  readonly samples: readonly Sample[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Rows of one time stand together in the file, which is in order of time. */
export function samplesOf(rows: readonly TimeseriesRow[]): Sample[] {
  const samples: Mutable<Sample>[] = [];
  for (const row of rows) {
    let sample = samples.at(-1);
    if (sample?.timeUs !== row.time_us) {
      sample = emptyAt(row.time_us);
      samples.push(sample);
    }
    sample.weightBytes += row.weight_bytes;
    sample.kvUsedBytes += row.kv_used_bytes;
    sample.kvFreeBytes += row.kv_free_bytes;
    sample.reserveBytes += row.reserve_bytes;
    sample.hostKvBytes += row.host_kv_bytes;
    sample.waiting += row.waiting;
    sample.running += row.running;
  }
  return samples;
}

function emptyAt(timeUs: number): Mutable<Sample> {
  return {
    timeUs,
    weightBytes: 0,
    kvUsedBytes: 0,
    kvFreeBytes: 0,
    reserveBytes: 0,
    hostKvBytes: 0,
    waiting: 0,
    running: 0,
  };
}
