import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import type { ServiceClasses } from './service-classes.ts';

interface Count {
  interactive: number;
  batch: number;
}

/** A request that was sent to a group (1) or has left it (-1). */
interface Change {
  readonly atUs: number;
  readonly groupId: number;
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
  /** Those that their group had not reported at the last look, and later ones; oldest first. */
  #changes: Change[] = [];

  constructor(classes: ServiceClasses) {
    this.#classes = classes;
  }

  recount(view: ClusterView): void {
    this.#counts.clear();
    const observedAtUs = new Map(view.groups.map((group) => [group.id, group.observedAtUs]));
    for (const group of view.groups) {
      for (const { className } of requestsOf(group)) this.#count(group.id, className, 1);
    }
    // Each by its own group, as one that nobody sends anything to may have nothing new to report for ever.
    this.#changes = this.#changes.filter(
      ({ atUs, groupId }) => atUs > (observedAtUs.get(groupId) ?? Number.POSITIVE_INFINITY),
    );
    for (const { groupId, className, by } of this.#changes) this.#count(groupId, className, by);
  }

  add(groupId: number, className: string, atUs: number): void {
    this.#change({ atUs, groupId, className, by: 1 });
  }

  remove(groupId: number, className: string, atUs: number): void {
    this.#change({ atUs, groupId, className, by: -1 });
  }

  #change(change: Change): void {
    this.#changes.push(change);
    this.#count(change.groupId, change.className, change.by);
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
export function* requestsOf({ waiting, running, swapped, stalled }: GroupView) {
  yield* waiting;
  yield* running;
  yield* swapped;
  yield* stalled;
}
