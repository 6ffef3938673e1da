import type { TimeseriesRow } from '../../harness/metrics/results.ts';
import type { DoneCell } from '../load.ts';

/** The whole cluster at one time: the rows of all instances added up. */
export interface Sample {
  readonly timeUs: number;
  readonly weightBytes: number;
  readonly kvUsedBytes: number;
  readonly kvFreeBytes: number;
  readonly reserveBytes: number;
  /** Kept free for weights on their way. */
  readonly loadingBytes: number;
  /** What the whole model has more than is held or on its way; counted in KV memory, in use or free. */
  readonly droppedBytes: number;
  readonly hostKvBytes: number;
  readonly waiting: number;
  readonly running: number;
  /** Stalled until their KV has followed layers that were dropped or restored. */
  readonly exchanging: number;
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
    sample.loadingBytes += row.loading_bytes;
    sample.droppedBytes += row.dropped_bytes;
    sample.hostKvBytes += row.host_kv_bytes;
    sample.waiting += row.waiting;
    sample.running += row.running;
    sample.exchanging += row.exchanging;
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
    loadingBytes: 0,
    droppedBytes: 0,
    hostKvBytes: 0,
    waiting: 0,
    running: 0,
    exchanging: 0,
  };
}
