import { thinnedTimes } from '../thin.ts';
import type { DoneCell } from '../load.ts';

/** A stretch of time in which an instance stays in one group. */
export interface Segment {
  readonly instance: number;
  readonly group: number;
  /** It serves: not being provisioned, not loading its first weights. */
  readonly isReady: boolean;
  readonly startUs: number;
  endUs: number;
}

/** Who was in which group when, from at most `maxSamples` of a cell's samples; an instance that is gone has no segment. */
export function segmentsOf(cell: DoneCell, maxSamples: number): Segment[] {
  const times = thinnedTimes(cell.timeseries, maxSamples);
  const segments: Segment[] = [];
  const open = new Map<number, Segment>();
  for (const { time_us: timeUs, instance, group, state } of cell.timeseries) {
    if (!times.has(timeUs)) continue;
    const last = open.get(instance);
    if (last !== undefined) last.endUs = timeUs;
    const isReady = state === 'ready' || state === 'draining';
    if (last?.group === group && last.isReady === isReady) continue;
    open.delete(instance);
    if (group < 0) continue;
    const segment = { instance, group, isReady, startUs: timeUs, endUs: timeUs };
    open.set(instance, segment);
    segments.push(segment);
  }
  return segments;
}

/** Instances by group; a group keeps its members for as long as it exists. */
export function membersOf(segments: readonly Segment[]): ReadonlyMap<number, readonly number[]> {
  const members = new Map<number, number[]>();
  for (const { group, instance } of segments) {
    const own = members.get(group) ?? [];
    if (!own.includes(instance)) own.push(instance);
    members.set(group, own);
  }
  return members;
}

/** Whether instances come, go, or serve in other groups than at first. */
export function changesGroups(cell: DoneCell): boolean {
  const startUs = cell.timeseries[0]?.time_us;
  const first = new Map<number, number>();
  for (const { time_us: timeUs, instance, group } of cell.timeseries) {
    if (timeUs === startUs) first.set(instance, group);
    else if (first.get(instance) !== group) return true;
  }
  return false;
}
