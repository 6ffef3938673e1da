import type { GroupView, RequestView } from '../../harness/policy/index.ts';
import type { Unseen } from '../dispatching/sent-since-report.ts';
import type { Priorities } from './priorities.ts';

/**
 * Tokens per block of the engine that the authors measured with (vLLM 0.1.7). Their code states thresholds in
 * free blocks per request, and a block lasts a request for this many decode steps: 3 blocks are 48 steps
 * here, 10 are 160, 60 are 960.
 */
export const artifactBlockTokens = 16;

/**
 * Freeness (Llumnix, section 4.4): the number of decode steps for which the free memory lasts if each step
 * takes one token per request. It is negative if the demand exceeds the memory, and infinite without
 * requests. Higher means freer, as in the paper; the authors' code keeps the negated value and calls it load.
 *
 * A shortage is divided by the number of requests as well, as in paper and code
 * (`compute_instance_load_dispatch` of the artifact). So of two overloaded instances the one with more
 * requests looks freer; when all have queues, requests are drawn to the longest.
 */
export function stepsUntilFull(freeBlocks: number, numRequests: number, blockSizeTokens: number): number {
  return numRequests === 0 ? Infinity : (freeBlocks * blockSizeTokens) / numRequests;
}

/** Returns the blocks that requests may use: all except the watermark, which admission keeps free. */
export function usableBlocks({ totalBlocks, limits }: GroupView): number {
  return totalBlocks - Math.floor(limits.watermarkRatio * totalBlocks);
}

/**
 * Returns the freeness for dispatch, in decode steps. The whole queue counts, as in the authors' code,
 * because a new request waits behind all of it; in the paper only its head counts. `headroomBlocks` count as
 * used, and so does load in `unseen`. A draining group has minus infinity, the equivalent of the paper's fake
 * request with infinite usage.
 */
export function dispatchFreeness(
  group: GroupView,
  blockSizeTokens: number,
  headroomBlocks = 0,
  unseen: Unseen = nothingUnseen,
): number {
  if (group.phase === 'draining') return -Infinity;
  const blocks = heldBlocks(group) + group.waitingBlocks + unseen.blocks + headroomBlocks;
  const numRequests = numWithMemory(group) + group.waiting.length + unseen.requests;
  return stepsUntilFull(usableBlocks(group) - blocks, numRequests, blockSizeTokens);
}

const nothingUnseen: Unseen = { requests: 0, blocks: 0 };

/** Settings of the freeness that decides migrations. */
export interface MigrationView {
  readonly blockSizeTokens: number;
  /**
   * Whether the first waiting request counts as usage, so that memory is made available for it. The rest of
   * the queue never counts, or whole queues would push running requests out.
   */
  readonly countsHead: boolean;
  readonly priorities: Priorities | undefined;
}

/**
 * Returns the freeness for migration, in decode steps: admitted requests count and, with `countsHead`, the
 * head of the queue. With `incoming`, that request counts as if it ran here too.
 */
export function migrationFreeness(
  group: GroupView,
  { blockSizeTokens, countsHead, priorities }: MigrationView,
  incoming?: RequestView,
): number {
  if (group.phase === 'draining') return -Infinity;
  let blocks = heldBlocks(group) + (priorities?.headroomBlocks(group, incoming) ?? 0);
  let numRequests = numWithMemory(group);
  const head = countsHead ? group.waiting.at(0) : undefined;
  for (const request of [head, incoming]) {
    if (request === undefined) continue;
    blocks += Math.max(request.kvBlocks, Math.ceil(request.tokens / blockSizeTokens));
    numRequests += 1;
  }
  return stepsUntilFull(usableBlocks(group) - blocks, numRequests, blockSizeTokens);
}

/**
 * Returns the blocks of admitted requests: the blocks taken, or the blocks needed for their current tokens if
 * that is more. A chunked prefill has not taken all of its blocks yet, while an incoming migration has taken
 * some.
 */
function heldBlocks({ totalBlocks, freeBlocks, demandBlocks, waitingBlocks }: GroupView): number {
  return Math.max(totalBlocks - freeBlocks, demandBlocks - waitingBlocks);
}

function numWithMemory({ running, swapped, stalled }: GroupView): number {
  return running.length + swapped.length + stalled.length;
}
