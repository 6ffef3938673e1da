import { thinnedTimes } from '../thin.ts';
import type { Phases } from '../fleet.ts';
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

/** Whether instances changed the group that they serve in, or were lost; coming and going alone is not meant. */
export function changesGroups({ events }: DoneCell): boolean {
  return events.some(({ kind }) => kind === 'groupsMerged' || kind === 'instanceFailed');
}

/** A stretch of time in which an instance is in one phase. */
export interface PhaseSegment {
  readonly instance: number;
  readonly phase: string;
  readonly startUs: number;
  endUs: number;
}

/** What each instance did when, from the samples; an instance that is gone has no segment. */
export function phaseSegments({ timeseries }: DoneCell, phases: Phases): PhaseSegment[] {
  const segments: PhaseSegment[] = [];
  const open = new Map<number, PhaseSegment>();
  for (const row of timeseries) {
    const { instance, time_us: timeUs } = row;
    const phase = phases.nameOf(row);
    const last = open.get(instance);
    if (last !== undefined) last.endUs = timeUs;
    if (last !== undefined && last.phase === phase) continue;
    open.delete(instance);
    if (phase === undefined) continue;
    const segment = { instance, phase, startUs: timeUs, endUs: timeUs };
    open.set(instance, segment);
    segments.push(segment);
  }
  return segments;
}
