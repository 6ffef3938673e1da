import type { ClusterView, GroupId, GroupView, RequestView } from '../../harness/policy/index.ts';
import { SentSinceReport } from '../dispatching/sent-since-report.ts';
import { numRequestsOf } from '../dispatching/num-requests.ts';
import { type Census, requestsOf } from './census.ts';
import { roles } from './roles.ts';
import type { ServiceClasses } from './service-classes.ts';

/** Load that has been assigned to a group but is not visible in the view yet. */
export interface Planned {
  readonly requests: number;
  readonly blocks: number;
}

const nothing: Planned = { requests: 0, blocks: 0 };

/**
 * Chooses the group of each request: instances of the request's own type first, then mixed ones. Requests are
 * packed and not spread: the fullest instance with room gets the request, so that the number of busy
 * instances tells how many are needed. Spread evenly, a few requests would keep all of them busy.
 */
export class Routing {
  readonly #classes: ServiceClasses;
  readonly #census: Census;
  readonly #fillShare: number;
  /** Requests dispatched since each group's last report. */
  readonly #interactive = new SentSinceReport();
  readonly #batch = new SentSinceReport();

  constructor(classes: ServiceClasses, census: Census, fillShare: number) {
    this.#classes = classes;
    this.#census = census;
    this.#fillShare = fillShare;
  }

  /** Records that the request was dispatched to the group. */
  placed(request: RequestView, groupId: GroupId, { nowUs, blockSizeTokens }: ClusterView): void {
    const sent = this.#classes.isBatch(request.className) ? this.#batch : this.#interactive;
    sent.add(groupId, nowUs, Math.ceil(request.tokens / blockSizeTokens));
  }

  /**
   * Returns a group whenever any accepts requests, so interactive requests are never held for lack of room.
   * If no group has room, the shortest queue is chosen; a batch instance only if nothing else accepts
   * requests.
   */
  groupForInteractive(request: RequestView, view: ClusterView): GroupView | undefined {
    const open = view.groups.filter(({ acceptsRequests }) => acceptsRequests);
    const pool = open.filter(({ role }) => role !== roles.batch);
    const packed = pool.toSorted(
      (a, b) =>
        isForInteractive(b) - isForInteractive(a) ||
        this.#census.interactiveIn(b.id) - this.#census.interactiveIn(a.id) ||
        a.id - b.id,
    );
    return (
      packed.find((group) => this.#hasRoomForInteractive(group, request, view.blockSizeTokens)) ??
      this.#shortestQueue(packed, view.blockSizeTokens) ??
      this.#shortestQueue(open, view.blockSizeTokens)
    );
  }

  /**
   * Chooses the group whose waiting interactive requests need the smallest share of its blocks; among equals,
   * the one whose whole demand is smallest.
   */
  #shortestQueue(groups: readonly GroupView[], blockSizeTokens: number): GroupView | undefined {
    const queues = groups.map((group) => ({
      group,
      waiting: this.#waitingBlocks(group, blockSizeTokens) / group.totalBlocks,
      demand: this.#demandBlocks(group) / group.totalBlocks,
    }));
    return queues.toSorted((a, b) => a.waiting - b.waiting || a.demand - b.demand)[0]?.group;
  }

  /**
   * Returns the blocks that waiting interactive requests need. Batch requests in the same queue do not count
   * because they are admitted later.
   */
  #waitingBlocks(group: GroupView, blockSizeTokens: number): number {
    if (this.#census.interactiveIn(group.id) === 0) return 0;
    let { blocks } = this.#interactive.to(group);
    for (const { className, tokens } of group.waiting) {
      if (!this.#classes.isBatch(className)) blocks += Math.ceil(tokens / blockSizeTokens);
    }
    return blocks;
  }

  #demandBlocks(group: GroupView): number {
    return group.demandBlocks + this.#interactive.to(group).blocks + this.#batch.to(group).blocks;
  }

  /**
   * Returns a group with room for the batch request, or undefined. On mixed instances it prefers those with
   * the fewest interactive requests.
   */
  groupForBatch(
    request: RequestView,
    view: ClusterView,
    plannedFor: (groupId: GroupId) => Planned = () => nothing,
  ): GroupView | undefined {
    const blocks = Math.ceil(request.tokens / view.blockSizeTokens);
    let best: GroupView | undefined;
    for (const group of view.groups) {
      if (group.role === roles.interactive || !this.#hasRoomForBatch(group, blocks, plannedFor(group.id)))
        continue;
      if (best === undefined || this.#isBetterForBatch(group, best)) best = group;
    }
    return best;
  }

  #isBetterForBatch(group: GroupView, other: GroupView): boolean {
    const isOwn = Number(group.role === roles.batch) - Number(other.role === roles.batch);
    if (isOwn !== 0) return isOwn > 0;
    const interactive = this.#census.interactiveIn(group.id) - this.#census.interactiveIn(other.id);
    if (interactive !== 0) return interactive < 0;
    return this.#demandBlocks(group) > this.#demandBlocks(other);
  }

  /**
   * Tells whether the request fits if the group's batch requests are evicted. If interactive requests wait
   * already, the queue must not exceed the token budget of the next step.
   */
  #hasRoomForInteractive(group: GroupView, request: RequestView, blockSizeTokens: number): boolean {
    const { limits, totalBlocks } = group;
    const demandBlocks = this.#demandBlocks(group);
    if (this.#census.interactiveIn(group.id) >= limits.maxRunning) return false;
    const blocks = Math.ceil(request.tokens / blockSizeTokens);
    const waitingBlocks = this.#waitingBlocks(group, blockSizeTokens);
    if (waitingBlocks > 0 && (waitingBlocks + blocks) * blockSizeTokens > limits.maxBatchTokens) return false;
    const room = this.#fillShare * totalBlocks;
    if (demandBlocks + blocks <= room) return true;
    if (this.#census.batchIn(group.id) === 0) return demandBlocks === 0;
    return demandBlocks - this.#batchBlocks(group, blockSizeTokens) + blocks <= room;
  }

  #batchBlocks(group: GroupView, blockSizeTokens: number): number {
    let { blocks } = this.#batch.to(group);
    for (const { className, tokens } of requestsOf(group)) {
      if (this.#classes.isBatch(className)) blocks += Math.ceil(tokens / blockSizeTokens);
    }
    return blocks;
  }

  /**
   * Evicted requests take precedence over new ones, so a group that has any is full. An empty group takes a
   * request of any size.
   */
  #hasRoomForBatch(group: GroupView, blocks: number, planned: Planned): boolean {
    if (!group.acceptsRequests || group.phase !== 'serving' || group.swapped.length > 0) return false;
    const sent = this.#interactive.to(group).requests + this.#batch.to(group).requests;
    const numRequests = numRequestsOf(group) + sent + planned.requests;
    if (numRequests === 0) return true;
    const isFull = numRequests >= group.limits.maxRunning;
    return (
      !isFull && this.#demandBlocks(group) + planned.blocks + blocks <= this.#fillShare * group.totalBlocks
    );
  }
}

function isForInteractive({ role }: GroupView): number {
  return Number(role === roles.interactive);
}
