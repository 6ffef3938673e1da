import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import type { ServiceClasses } from './service-classes.ts';

interface Count {
  interactive: number;
  batch: number;
}

/** A request that was sent to a group (1) or has left it (-1). */
interface Change {
  readonly atUs: number;
  readonly className: string;
  readonly by: 1 | -1;
}

/**
 * How many requests of either kind each group has, in whichever list. Kept up to date request by request, so that
 * nothing is walked through at every arrival, and counted anew at every look, so that nothing that others move is
 * missed for long. A look shows groups as they have last reported; what has changed since is known from the changes themselves.
 */
export class Census {
  readonly #classes: ServiceClasses;
  readonly #counts = new Map<number, Count>();
  /** By group, what it has not reported yet, oldest first. */
  #changes = new Map<number, Change[]>();

  constructor(classes: ServiceClasses) {
    this.#classes = classes;
  }

  recount(view: ClusterView): void {
    this.#counts.clear();
    const before = this.#changes;
    this.#changes = new Map();
    for (const group of view.groups) {
      const { id, observedAtUs } = group;
      for (const { className } of requestsOf(group)) this.#count(id, className, 1);
      const changes = before.get(id)?.filter(({ atUs }) => atUs > observedAtUs) ?? [];
      if (changes.length > 0) this.#changes.set(id, changes);
      for (const { className, by } of changes) this.#count(id, className, by);
    }
  }

  add(groupId: number, className: string, atUs: number): void {
    this.#change(groupId, { atUs, className, by: 1 });
  }

  remove(groupId: number, className: string, atUs: number): void {
    this.#change(groupId, { atUs, className, by: -1 });
  }

  #change(groupId: number, change: Change): void {
    const changes = this.#changes.get(groupId);
    if (changes === undefined) this.#changes.set(groupId, [change]);
    else changes.push(change);
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
