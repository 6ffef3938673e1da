import { isDeepStrictEqual } from 'node:util';
import { group } from 'd3-array';
import type { TimeseriesRow } from '../harness/metrics/results.ts';
import type { Phases } from './fleet.ts';
import type { DoneCell } from './load.ts';
import { thinnedTimes } from './thin.ts';

/** A stretch of time in which an instance stays as it is. */
interface Stay {
  readonly instance: number;
  readonly startUs: number;
  endUs: number;
}

export interface Segment extends Stay {
  readonly group: number;
  /** It serves: not being provisioned, not loading its first weights. */
  readonly isReady: boolean;
}

export interface PhaseSegment extends Stay {
  readonly phase: string;
}

/** Who was in which group when, from at most `maxSamples` of a cell's samples; an instance that is gone has no segment. */
export function segmentsOf({ timeseries }: DoneCell, maxSamples: number): Segment[] {
  const times = thinnedTimes(timeseries, maxSamples);
  const rows = timeseries.filter((row) => times.has(row.time_us));
  return staysOf(rows, ({ group: id, state }) =>
    id < 0 ? undefined : { group: id, isReady: state === 'ready' || state === 'draining' },
  );
}

/** What each instance did when, from the samples; an instance that is gone has no segment. */
export function phaseSegments({ timeseries }: DoneCell, phases: Phases): PhaseSegment[] {
  return staysOf(timeseries, (row) => {
    const phase = phases.nameOf(row);
    return phase === undefined ? undefined : { phase };
  });
}

/** `undefined` is the state of an instance that is gone. */
function staysOf<S extends object>(
  rows: readonly TimeseriesRow[],
  stateOf: (row: TimeseriesRow) => S | undefined,
): (S & Stay)[] {
  const stays: (S & Stay)[] = [];
  const open = new Map<number, { state: S; stay: Stay }>();
  for (const row of rows) {
    const { instance, time_us: timeUs } = row;
    const last = open.get(instance);
    const state = stateOf(row);
    if (last !== undefined) last.stay.endUs = timeUs;
    if (last !== undefined && isDeepStrictEqual(last.state, state)) continue;
    open.delete(instance);
    if (state === undefined) continue;
    const stay = { ...state, instance, startUs: timeUs, endUs: timeUs };
    open.set(instance, { state, stay });
    stays.push(stay);
  }
  return stays;
}

/** Instances by group; a group keeps its members for as long as it exists. */
export function membersOf(
  rows: readonly Pick<Segment, 'group' | 'instance'>[],
): ReadonlyMap<number, readonly number[]> {
  const byGroup = group(rows, (row) => row.group);
  return new Map([...byGroup].map(([id, own]) => [id, [...new Set(own.map(({ instance }) => instance))]]));
}

/** Whether instances changed the group that they serve in, or were lost; coming and going alone is not meant. */
export function changesGroups({ events }: DoneCell): boolean {
  return events.some(({ kind }) => kind === 'groupsMerged' || kind === 'instanceFailed');
}
