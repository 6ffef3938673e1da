import type { GroupView, RequestView } from '../../harness/policy/index.ts';
import type { Unseen } from '../dispatching/sent-since-report.ts';
import type { Priorities } from './priorities.ts';

/**
 * Tokens in a block of the engine that the authors measured with (vLLM 0.1.7). Thresholds of their code are in free
 * blocks per request, and such a block lasts a request for so many steps: 3 are 48 steps here, 10 are 160, 60 are 960.
 */
export const artifactBlockTokens = 16;

/**
 * Freeness (Llumnix, section 4.4): for how many more decode steps the free memory lasts, when each step takes a token of
 * every request. Negative where more is asked for than there is; infinite without requests. Higher is freer, as in the
 * paper; its code keeps the negative and calls it load.
 *
 * What is missing is shared among the requests too, as in paper and code (`compute_instance_load_dispatch` of the artifact), so
 * that of two instances with too little the one with more requests looks freer. When all have queues, that draws requests to the longest.
 */
export function stepsUntilFull(freeBlocks: number, numRequests: number, blockSizeTokens: number): number {
  return numRequests === 0 ? Infinity : (freeBlocks * blockSizeTokens) / numRequests;
}

/** Blocks that requests may take: all but those that admission leaves free. */
export function usableBlocks({ totalBlocks, limits }: GroupView): number {
  return totalBlocks - Math.floor(limits.watermarkRatio * totalBlocks);
}

/**
 * Freeness for dispatch: the whole queue counts, as in the authors' code, since a new request stands behind all of it (the paper
 * counts its head alone). `headroomBlocks` count as used. Minus infinity on a group that drains, which is the paper's request of
 * infinite usage.
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

/** How freeness is counted for migration. */
export interface MigrationView {
  readonly blockSizeTokens: number;
  /** The first of the queue counts, so that memory is gathered for it; the others must not, or whole queues would push requests out. */
  readonly countsHead: boolean;
  readonly priorities: Priorities | undefined;
}

/** Freeness for migration: running requests and the head of the queue; with `incoming`, as if it ran here too. */
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
 * Blocks of admitted requests: what they have, or what they need for the tokens that they have, if that is more: a chunked
 * prefill has not taken its blocks yet, and a migration on its way here has.
 */
function heldBlocks({ totalBlocks, freeBlocks, demandBlocks, waitingBlocks }: GroupView): number {
  return Math.max(totalBlocks - freeBlocks, demandBlocks - waitingBlocks);
}

function numWithMemory({ running, swapped, stalled }: GroupView): number {
  return running.length + swapped.length + stalled.length;
}
