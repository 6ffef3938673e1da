import { group, sum } from 'd3-array';
import type { DecisionRow } from '../harness/metrics/results.ts';
import type { DecisionKind, KindAbout } from '../harness/policy/decisions.ts';
import { plural } from './format.ts';
import type { ClusterEventRow, DoneCell } from './load.ts';
import { membersOf } from './segments.ts';

/** What happened to the number or the roles of instances, at whose wish and why. */
export interface ScaleEvent {
  readonly timeUs: number;
  readonly kind: ScaleEventKind;
  /** `2 instances, role batch`, `instances 4 and 5`. */
  readonly what: string;
  /** A policy; the cluster where nobody decided it. */
  readonly who: string;
  readonly why: string;
}

export const scaleEventKinds = [
  'asked for',
  'drain begins',
  'drain taken back',
  'other role',
  'start failed',
  'fault',
] as const;
export type ScaleEventKind = (typeof scaleEventKinds)[number];

const decisionEvents: Readonly<Record<KindAbout<'instances'>, ScaleEventKind>> = {
  scaleUp: 'asked for',
  drain: 'drain begins',
  cancelDrain: 'drain taken back',
  setRole: 'other role',
};
const eventKinds: Readonly<Record<string, ScaleEventKind>> = {
  startFailed: 'start failed',
  instanceFailed: 'fault',
};

/** In order of time; what one policy does at one time for one reason to several instances is one event. */
export function scaleEventsOf(cell: DoneCell): ScaleEvent[] {
  const members = membersOf(cell.timeseries);
  const decided = cell.decisions.flatMap((row) => decidedEvent(row, members) ?? []);
  const happened = cell.events.flatMap((row) => happenedEvent(row) ?? []);
  return joined([...decided, ...happened].toSorted((a, b) => a.timeUs - b.timeUs));
}

/** An event before it is put into words. */
interface Draft extends Omit<ScaleEvent, 'what'> {
  readonly instances: readonly number[];
  /** Instances that have no number yet. */
  readonly numNew: number;
  readonly role: string | undefined;
}

function isAboutInstances(kind: DecisionKind): kind is KindAbout<'instances'> {
  return Object.hasOwn(decisionEvents, kind);
}

function decidedEvent(row: DecisionRow, members: ReadonlyMap<number, readonly number[]>): Draft | undefined {
  if (!isAboutInstances(row.kind) || row.outcome === 'rejected') return undefined;
  const kind = decisionEvents[row.kind];
  const { numInstances, groupId, role } = row.data;
  return {
    timeUs: row.time_us,
    kind,
    who: row.policy,
    why: row.reason,
    instances: typeof groupId === 'number' ? (members.get(groupId) ?? []) : [],
    numNew: typeof numInstances === 'number' ? numInstances : 0,
    role: typeof role === 'string' ? role : undefined,
  };
}

function happenedEvent({
  time_us: timeUs,
  kind: name,
  instance,
  detail,
}: ClusterEventRow): Draft | undefined {
  const kind = eventKinds[name];
  if (kind === undefined) return undefined;
  const instances = instance === null ? [] : [instance];
  return { timeUs, kind, who: 'the cluster', why: detail, instances, numNew: 0, role: undefined };
}

function joined(drafts: readonly Draft[]): ScaleEvent[] {
  const same = group(drafts, ({ timeUs, kind, who, why, role }) =>
    JSON.stringify([timeUs, kind, who, why, role]),
  );
  return [...same.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const { timeUs, kind, who, why, role } = first;
    const numNew = sum(own, (draft) => draft.numNew);
    const names =
      numNew > 0 ? plural(numNew, 'instance') : instanceNames(own.flatMap((draft) => draft.instances));
    return [{ timeUs, kind, what: role === undefined ? names : `${names}, role ${role}`, who, why }];
  });
}

/** `instance 3`, `instances 0–3`, `instances 0, 2, 5`. */
export function instanceNames(instances: readonly number[]): string {
  const ordered = [...new Set(instances)].toSorted((a, b) => a - b);
  const [first, last] = [ordered[0], ordered.at(-1)];
  if (first === undefined || last === undefined) return 'an instance';
  if (ordered.length === 1) return `instance ${first}`;
  const isRange = ordered.length > 2 && last - first === ordered.length - 1;
  return `instances ${isRange ? `${first}–${last}` : ordered.join(', ')}`;
}
