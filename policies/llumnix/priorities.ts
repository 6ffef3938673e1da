import type { GroupView, RequestClass, RequestView, ViewList } from '../../harness/policy/index.ts';

/**
 * What priorities mean to Llumnix (section 4.4). For scheduling, the higher goes first. For execution there are two kinds: the
 * lowest is normal, everything above is high, and where a request of high priority is, the load is kept so low that decoding
 * is near its ideal speed: the memory beyond that load counts as used (headroom).
 */
export class Priorities {
  readonly #normal: number;
  readonly #targetBlocks: number;

  private constructor(normal: number, targetBlocks: number) {
    this.#normal = normal;
    this.#targetBlocks = targetBlocks;
  }

  /** Nothing where all classes are alike. `targetBlocks` is the load of one instance that high priority allows. */
  static of(classes: readonly RequestClass[], targetBlocks: number): Priorities | undefined {
    const levels = classes.map(({ priority }) => priority);
    const normal = Math.min(...levels);
    return normal >= Math.max(...levels) ? undefined : new Priorities(normal, targetBlocks);
  }

  isHigh({ priority }: RequestView): boolean {
    return priority > this.#normal;
  }

  /** Whether a request of high priority is on the group. */
  isHost(group: GroupView): boolean {
    const { running, stalled, swapped, waiting } = group;
    return [running, stalled, swapped, waiting].some((list) => this.#hasHigh(list));
  }

  /** Once per group, however many requests share it; with `incoming`, as if it were there too. */
  headroomBlocks(group: GroupView, incoming?: RequestView): number {
    const isHost = (incoming !== undefined && this.isHigh(incoming)) || this.isHost(group);
    return isHost ? this.#headroomOf(group) : 0;
  }

  /**
   * What counts as used when the request is dispatched. As in the authors' code (`compute_instance_load_dispatch`) it is the headroom of
   * groups that host the other kind: normal requests keep away from hosts of high priority, and those of high priority gather on
   * hosts. By freeness alone, as in the paper, they would scatter, and every instance would keep headroom.
   */
  headroomBlocksFor(request: RequestView, group: GroupView): number {
    return this.isHigh(request) === this.isHost(group) ? 0 : this.#headroomOf(group);
  }

  #headroomOf({ totalBlocks, stages }: GroupView): number {
    return Math.max(0, totalBlocks - this.#targetBlocks * stages.length);
  }

  #hasHigh(requests: ViewList<RequestView>): boolean {
    for (const request of requests) if (this.isHigh(request)) return true;
    return false;
  }
}

/** The queue with higher priorities first, otherwise as it is (so first come first served); nothing if it is in order. */
export function byPriority({ waiting }: GroupView): readonly number[] | undefined {
  let last = Infinity;
  for (const { priority } of waiting) {
    if (priority > last) {
      return [...waiting].toSorted((a, b) => b.priority - a.priority).map(({ id }) => id);
    }
    last = priority;
  }
  return undefined;
}

/** Who gives way under memory pressure: of the lowest priority that runs, the last admitted. */
export function lastOfLowest({ running }: GroupView): RequestView | undefined {
  let victim: RequestView | undefined;
  for (const request of running) {
    if (victim === undefined || request.priority <= victim.priority) victim = request;
  }
  return victim;
}
