import type { Decision, GroupId, GroupView } from '../../harness/policy/index.ts';
import { BatchSize } from './batch-size.ts';
import type { Params } from './params.ts';
import type { ServiceClasses } from './service-classes.ts';
import type { Window } from './windows.ts';

/** Keeps a batch size for each group and sets it as the group's limit on running requests. */
export class LocalAutoscaler {
  readonly #params: Params;
  readonly #classes: ServiceClasses;
  readonly #sizes = new Map<GroupId, { readonly batch: BatchSize; readonly maxBatch: number }>();

  constructor(params: Params, classes: ServiceClasses) {
    this.#params = params;
    this.#classes = classes;
  }

  excuse(groupId: GroupId, gapUs: number): void {
    this.#sizes.get(groupId)?.batch.excuse(gapUs);
  }

  /**
   * Returns how many requests may run in the group once a batch size that has just been lowered is in force:
   * the view still shows the limit from before.
   */
  maxRunning({ id, limits }: GroupView): number {
    return Math.min(limits.maxRunning, this.#sizes.get(id)?.batch.size ?? Infinity);
  }

  /**
   * Adapts the batch size and returns the new limit, or undefined if it has not changed. `window` is
   * undefined when the group is seen for the first time.
   */
  adapt(group: GroupView, window: Window | undefined): Decision | undefined {
    const { batch, maxBatch } = this.#sizeOf(group);
    const numRunning = group.running.length;
    if (window !== undefined)
      batch.adapt({ window, maxBatch, numRunning, targetGapUs: this.#targetGapUs(group) });
    if (batch.size === group.limits.maxRunning) return undefined;
    return {
      kind: 'setLimits',
      groupId: group.id,
      limits: { maxRunning: batch.size },
      reason: `batch size by back-pressure: ${group.limits.maxRunning} before`,
    };
  }

  /** The engine's own limit is the one found in the view before this policy has changed it. */
  #sizeOf({ id, limits }: GroupView) {
    const known = this.#sizes.get(id);
    if (known !== undefined) return known;
    const maxBatch = limits.maxRunning;
    const initial = Math.min(this.#params.initialBatch ?? maxBatch, maxBatch);
    const created = { batch: new BatchSize(this.#params, initial), maxBatch };
    this.#sizes.set(id, created);
    return created;
  }

  #targetGapUs({ running }: GroupView): number | undefined {
    let tightest: number | undefined;
    let lastClass: string | undefined;
    for (const { className } of running) {
      // Neighbours in the list mostly belong to the same class, so repeated look-ups are skipped.
      if (className === lastClass) continue;
      lastClass = className;
      const targetUs = this.#classes.tokenGapUs(className);
      if (targetUs !== undefined) tightest = Math.min(tightest ?? Infinity, targetUs);
    }
    return tightest;
  }
}
