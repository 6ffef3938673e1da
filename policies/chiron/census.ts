import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import { isReported, type Sending, sendingTo } from '../dispatching/sent-since-report.ts';
import type { ServiceClasses } from './service-classes.ts';

interface Count {
  interactive: number;
  batch: number;
}

/** A request that was sent to a group (1) or has left it (-1). */
type Change = { readonly className: string } & (
  | { readonly by: 1; readonly sending: Sending }
  | { readonly by: -1; readonly atUs: number }
);

/**
 * How many requests of either kind each group has, in whichever list. Kept up to date request by request, so that
 * nothing is walked through at every arrival, and counted anew at every look, so that nothing that others move is
 * missed for long. A look shows groups as they have last reported; what has changed since is known from the changes themselves.
 */
export class Census {
  readonly #classes: ServiceClasses;
  readonly #counts = new Map<number, Count>();
  /** Those that their groups have not reported, by group. An idle group reports nothing new, however long; the others do not wait for it. */
  #changes = new Map<number, Change[]>();

  constructor(classes: ServiceClasses) {
    this.#classes = classes;
  }

  recount(view: ClusterView): void {
    this.#counts.clear();
    const unreported = new Map<number, Change[]>();
    for (const group of view.groups) {
      for (const { className } of requestsOf(group)) this.#count(group.id, className, 1);
      const changes = (this.#changes.get(group.id) ?? []).filter((change) => !isShown(change, group));
      if (changes.length > 0) unreported.set(group.id, changes);
      for (const { className, by } of changes) this.#count(group.id, className, by);
    }
    this.#changes = unreported;
  }

  add(group: GroupView, className: string, atUs: number): void {
    this.#change(group.id, { className, by: 1, sending: sendingTo(group, atUs) });
  }

  remove(groupId: number, className: string, atUs: number): void {
    this.#change(groupId, { className, by: -1, atUs });
  }

  #change(groupId: number, change: Change): void {
    const changes = this.#changes.get(groupId) ?? [];
    this.#changes.set(groupId, changes);
    changes.push(change);
    this.#count(groupId, change.className, change.by);
  }

  #count(groupId: number, className: string, by: 1 | -1): void {
    const count = this.#counts.get(groupId) ?? { interactive: 0, batch: 0 };
    const kind = this.#kindOf(className);
    count[kind] = Math.max(0, count[kind] + by);
    this.#counts.set(groupId, count);
  }

  interactiveIn(groupId: number): number {
    return this.#counts.get(groupId)?.interactive ?? 0;
  }

  batchIn(groupId: number): number {
    return this.#counts.get(groupId)?.batch ?? 0;
  }

  #kindOf(className: string): keyof Count {
    return this.#classes.isBatch(className) ? 'batch' : 'interactive';
  }
}

/** Whether the group's load shows the change. What ends in a microsecond does so before reports are taken in it. */
function isShown(change: Change, group: GroupView): boolean {
  return change.by === 1 ? isReported(change.sending, group) : change.atUs <= group.observedAtUs;
}

/** All requests of a group. */
export function* requestsOf({ waiting, running, swapped, exchanging }: GroupView) {
  yield* waiting;
  yield* running;
  yield* swapped;
  yield* exchanging;
}

export function numRequestsOf({ waiting, running, swapped, exchanging }: GroupView): number {
  return waiting.length + running.length + swapped.length + exchanging.length;
}
