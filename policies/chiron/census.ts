import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import type { ServiceClasses } from './service-classes.ts';

interface Count {
  interactive: number;
  batch: number;
}

/**
 * How many requests of either kind each group has, in whichever list. Kept up to date request by request, so that
 * nothing is walked through at every arrival, and counted anew at every look, so that nothing that others move is
 * missed for long.
 */
export class Census {
  readonly #classes: ServiceClasses;
  readonly #counts = new Map<number, Count>();

  constructor(classes: ServiceClasses) {
    this.#classes = classes;
  }

  recount(view: ClusterView): void {
    this.#counts.clear();
    for (const group of view.groups) {
      for (const { className } of requestsOf(group)) this.add(group.id, className);
    }
  }

  add(groupId: number, className: string): void {
    const count = this.#counts.get(groupId) ?? { interactive: 0, batch: 0 };
    count[this.#kindOf(className)] += 1;
    this.#counts.set(groupId, count);
  }

  remove(groupId: number, className: string): void {
    const count = this.#counts.get(groupId);
    if (count === undefined) return;
    const kind = this.#kindOf(className);
    count[kind] = Math.max(0, count[kind] - 1);
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
