import { sum } from 'd3-array';
import type { TimeseriesRow } from '../harness/metrics/results.ts';
import { byTime } from './fleet.ts';
import type { DoneCell } from './load.ts';

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

export function samplesOf(rows: readonly TimeseriesRow[]): Sample[] {
  return [...byTime(rows)].map(([timeUs, own]) => addedUp(timeUs, own));
}

function addedUp(timeUs: number, rows: readonly TimeseriesRow[]): Sample {
  const total = (valueOf: (row: TimeseriesRow) => number) => sum(rows, valueOf);
  return {
    timeUs,
    weightBytes: total((row) => row.weight_bytes),
    kvUsedBytes: total((row) => row.kv_used_bytes),
    kvFreeBytes: total((row) => row.kv_free_bytes),
    reserveBytes: total((row) => row.reserve_bytes),
    loadingBytes: total((row) => row.loading_bytes),
    droppedBytes: total((row) => row.dropped_bytes),
    hostKvBytes: total((row) => row.host_kv_bytes),
    waiting: total((row) => row.waiting),
    running: total((row) => row.running),
    exchanging: total((row) => row.exchanging),
  };
}
