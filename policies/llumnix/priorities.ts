import type {
  GroupView,
  RequestClass,
  RequestId,
  RequestView,
  ViewList,
} from '../../harness/policy/index.ts';

/**
 * The meaning of priorities in Llumnix (section 4.4). In scheduling, a higher priority goes first. In
 * execution there are two kinds: the lowest priority is normal, and every higher one is high. Where a request
 * of high priority is, the load is kept so low that decoding stays near its ideal speed: the memory beyond
 * that load counts as used (headroom).
 */
export class Priorities {
  readonly #normal: number;
  readonly #targetBlocks: number;

  private constructor(normal: number, targetBlocks: number) {
    this.#normal = normal;
    this.#targetBlocks = targetBlocks;
  }

  /**
   * Returns undefined if all classes have the same priority. `targetBlocks` is the largest load, in blocks,
   * of an instance that hosts high priority.
   */
  static of(classes: readonly RequestClass[], targetBlocks: number): Priorities | undefined {
    const levels = classes.map(({ priority }) => priority);
    const normal = Math.min(...levels);
    return normal >= Math.max(...levels) ? undefined : new Priorities(normal, targetBlocks);
  }

  isHigh({ priority }: RequestView): boolean {
    return priority > this.#normal;
  }

  /** Tells whether the group has a request of high priority. */
  isHost(group: GroupView): boolean {
    const { running, stalled, swapped, waiting } = group;
    return [running, stalled, swapped, waiting].some((list) => this.#hasHigh(list));
  }

  /**
   * Returns the headroom in blocks, which is kept once per group however many requests share it. With
   * `incoming`, that request counts as if it were on the group too.
   */
  headroomBlocks(group: GroupView, incoming?: RequestView): number {
    const isHost = (incoming !== undefined && this.isHigh(incoming)) || this.isHost(group);
    return isHost ? this.#headroomOf(group) : 0;
  }

  /**
   * Returns the headroom that counts as used when the request is dispatched. As in the authors' code
   * (`compute_instance_load_dispatch`), it applies where the request and the group are of different kinds:
   * normal requests avoid groups that host high priority, and requests of high priority gather on such
   * groups. By freeness alone, as in the paper, they would scatter, and every instance would keep headroom.
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

/**
 * Returns the queue ordered by descending priority and otherwise unchanged, so first come first served;
 * undefined if it is in that order already.
 */
export function byPriority({ waiting }: GroupView): readonly RequestId[] | undefined {
  let last = Infinity;
  for (const { priority } of waiting) {
    if (priority > last) {
      return [...waiting].toSorted((a, b) => b.priority - a.priority).map(({ id }) => id);
    }
    last = priority;
  }
  return undefined;
}

/** Returns the last admitted among the running requests of the lowest priority. */
export function lastOfLowest({ running }: GroupView): RequestView | undefined {
  let victim: RequestView | undefined;
  for (const request of running) {
    if (victim === undefined || request.priority <= victim.priority) victim = request;
  }
  return victim;
}
