import type { ClusterView, GroupId, GroupView } from '../../harness/policy/index.ts';
import type { ServiceClasses } from './service-classes.ts';

interface Count {
  interactive: number;
  batch: number;
}

/** A request that was sent to a group (`by` = 1) or has left it (`by` = -1). */
interface Change {
  readonly atUs: number;
  readonly groupId: GroupId;
  readonly className: string;
  readonly by: 1 | -1;
}

/**
 * Counts the interactive and the batch requests of each group, in whichever state. It is updated with each
 * dispatch and end, so that no request list is walked at an arrival, and recounted from the view on each
 * tick, so that movements by other policies are noticed. A view shows each group as it last reported; changes
 * after that report are added from this class's own record.
 */
export class Census {
  readonly #classes: ServiceClasses;
  readonly #counts = new Map<GroupId, Count>();
  /**
   * Changes that their group's report did not include at the last recount, and all later ones, oldest first.
   */
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
    // Each change is compared with its own group's report: a group that receives no requests may never report
    // again.
    this.#changes = this.#changes.filter(
      ({ atUs, groupId }) => atUs > (observedAtUs.get(groupId) ?? Number.POSITIVE_INFINITY),
    );
    for (const { groupId, className, by } of this.#changes) this.#count(groupId, className, by);
  }

  add(groupId: GroupId, className: string, atUs: number): void {
    this.#change({ atUs, groupId, className, by: 1 });
  }

  remove(groupId: GroupId, className: string, atUs: number): void {
    this.#change({ atUs, groupId, className, by: -1 });
  }

  #change(change: Change): void {
    this.#changes.push(change);
    this.#count(change.groupId, change.className, change.by);
  }

  #count(groupId: GroupId, className: string, by: 1 | -1): void {
    const count = this.#counts.get(groupId) ?? { interactive: 0, batch: 0 };
    const kind = this.#kindOf(className);
    count[kind] = Math.max(0, count[kind] + by);
    this.#counts.set(groupId, count);
  }

  interactiveIn(groupId: GroupId): number {
    return this.#counts.get(groupId)?.interactive ?? 0;
  }

  batchIn(groupId: GroupId): number {
    return this.#counts.get(groupId)?.batch ?? 0;
  }

  #kindOf(className: string): keyof Count {
    return this.#classes.isBatch(className) ? 'batch' : 'interactive';
  }
}

/** Iterates over all requests of a group, in whichever state. */
export function* requestsOf({ waiting, running, swapped, stalled }: GroupView) {
  yield* waiting;
  yield* running;
  yield* swapped;
  yield* stalled;
}
