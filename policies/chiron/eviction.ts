import type { Decision, GroupView, MemoryNeed, PolicyDeps, RequestView } from '../../harness/policy/index.ts';
import { kvCellBytes } from '../../harness/policy/index.ts';
import type { ServiceClasses } from './service-classes.ts';

/**
 * Evicts batch requests from the instance on which interactive requests wait: the last admitted first, and no
 * more than needed. After the batch size has shrunk, the requests beyond it are evicted as well. Their KV is
 * swapped to host memory over the host link; where host memory is full they are recomputed instead. They are
 * swapped in as soon as no interactive request waits and there is room.
 */
export class Eviction {
  readonly #classes: ServiceClasses;
  readonly #cellBytes: number;
  readonly #blockSizeTokens: number;
  readonly #returnHeadroom: number;

  constructor(classes: ServiceClasses, deps: PolicyDeps, returnHeadroom: number) {
    this.#classes = classes;
    this.#cellBytes = kvCellBytes(deps.model, deps.blockSizeTokens);
    this.#blockSizeTokens = deps.blockSizeTokens;
    this.#returnHeadroom = returnHeadroom;
  }

  /**
   * Evicts enough batch requests for the interactive requests at the head of the queue, up to one step's
   * token budget.
   */
  makeRoom(group: GroupView): readonly Decision[] {
    const { limits, running, totalBlocks, freeBlocks, pendingFreeBlocks } = group;
    const coming = this.#firstInteractive(group);
    if (coming.length === 0) return [];
    const watermark = Math.floor(limits.watermarkRatio * totalBlocks);
    const blocks = coming.reduce((sum, { tokens }) => sum + this.#blocksFor(tokens), watermark);
    return this.#evict(group, {
      blocks: blocks - freeBlocks - pendingFreeBlocks,
      requests: running.length + coming.length - limits.maxRunning,
      reason: `${coming.length} interactive requests wait, the first is ${coming[0]?.id}`,
    });
  }

  /**
   * Answers a running request's need for blocks. Returns `wait` while enough blocks are being swapped out or
   * a batch request can be evicted soon, and undefined if there is no batch request to evict.
   */
  relieve(group: GroupView, need: MemoryNeed): readonly Decision[] | undefined {
    if (group.pendingFreeBlocks >= need.blocks) {
      return [{ kind: 'wait', reason: `${group.pendingFreeBlocks} blocks are on their way to the host` }];
    }
    const blocks = need.blocks - group.pendingFreeBlocks;
    const reason = `request ${need.requestId} needs ${need.blocks} blocks`;
    // In a group of one, the core asks before the step starts: a request in flight is in the batch being
    // formed and can still be taken out.
    const isForming = group.stages.length === 1;
    const decisions = this.#evict(group, { blocks, requests: 0, reason }, isForming);
    if (decisions.length > 0) return decisions;
    const isComing = this.#hasBatch(group.running) || this.#hasBatch(swappingIn(group.swapped));
    return isComing ? [{ kind: 'wait', reason: 'batch requests can be evicted in a moment' }] : undefined;
  }

  /**
   * Returns swap-ins for the evicted requests that fit now, the first evicted first, so that no more than
   * `maxRunning` requests run.
   */
  swapIn(group: GroupView, maxRunning: number): readonly Decision[] {
    if (this.#firstInteractive(group).length > 0) return [];
    const { running, waiting, swapped, freeBlocks, totalBlocks } = group;
    const isIdle = running.length === 0 && waiting.length === 0;
    const decisions: Decision[] = [];
    let free = freeBlocks - Math.ceil(this.#returnHeadroom * totalBlocks) - this.#blocksStillToTake(running);
    let slots = maxRunning - running.length - swappingIn(swapped).length;
    for (const request of swapped) {
      if (request.status.kind !== 'swapped') continue;
      const blocks = this.#blocksFor(request.computedTokens);
      // An idle group keeps no headroom free; otherwise a request of nearly its size could never be swapped
      // in.
      const isFirst = isIdle && decisions.length === 0;
      if (slots <= 0 || blocks > (isFirst ? freeBlocks : free)) break;
      decisions.push({
        kind: 'swapIn',
        requestId: request.id,
        reason: `${freeBlocks} blocks free, no interactive request waits`,
      });
      free -= blocks;
      slots -= 1;
    }
    return decisions;
  }

  #firstInteractive({ waiting, limits }: GroupView): readonly RequestView[] {
    const first: RequestView[] = [];
    let tokens = 0;
    for (const request of waiting) {
      if (tokens >= limits.maxBatchTokens) break;
      if (this.#classes.isBatch(request.className)) continue;
      first.push(request);
      tokens += request.tokens;
    }
    return first;
  }

  #evict(
    group: GroupView,
    missing: { readonly blocks: number; readonly requests: number; readonly reason: string },
    canBeInFlight = false,
  ): readonly Decision[] {
    const decisions: Decision[] = [];
    let { blocks, requests } = missing;
    let hostBlocks = this.#hostBlocks(group);
    for (let index = group.running.length - 1; index >= 0 && (blocks > 0 || requests > 0); index -= 1) {
      const victim = group.running.at(index);
      if (victim === undefined || !this.#isEvictable(victim, canBeInFlight)) continue;
      const hasKv = victim.computedTokens > 0;
      const mode = hasKv && victim.kvBlocks <= hostBlocks ? 'swap' : 'recompute';
      if (mode === 'swap') hostBlocks -= victim.kvBlocks;
      decisions.push({ kind: 'preempt', requestId: victim.id, mode, reason: missing.reason });
      blocks -= victim.kvBlocks;
      requests -= 1;
    }
    return decisions;
  }

  #isEvictable({ className, isInFlight, migratesTo }: RequestView, canBeInFlight: boolean): boolean {
    return this.#classes.isBatch(className) && (canBeInFlight || !isInFlight) && migratesTo === undefined;
  }

  #hasBatch(requests: Iterable<RequestView>): boolean {
    for (const { className } of requests) if (this.#classes.isBatch(className)) return true;
    return false;
  }

  /** Returns how many KV blocks of the group still fit in host memory, the minimum over its members. */
  #hostBlocks({ stages }: GroupView): number {
    const rooms = stages.map(({ instance, numLayers }) => {
      return (instance.hardware.hostMemoryBytes - instance.hostKvBytes) / (numLayers * this.#cellBytes);
    });
    return Math.floor(Math.min(...rooms));
  }

  /**
   * Returns the blocks that running requests still need for their prefill. They look free but are spoken for.
   */
  #blocksStillToTake(running: Iterable<RequestView>): number {
    let blocks = 0;
    for (const { tokens, kvBlocks } of running) blocks += Math.max(0, this.#blocksFor(tokens) - kvBlocks);
    return blocks;
  }

  #blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.#blockSizeTokens);
  }
}

/** Selects the requests that are being swapped in. */
function swappingIn(swapped: Iterable<RequestView>): readonly RequestView[] {
  return [...swapped].filter(({ status }) => status.kind === 'swapping-in');
}
