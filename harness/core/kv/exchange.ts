import { makeRoom } from '../apply-decision.ts';
import { growMemory } from './grow-memory.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import { blocksMissingFor, completeKvMove, movesOf, sendBlocks } from './kv-move.ts';
import type { Request } from '../state/request.ts';
import type { KvMove } from '../state/request-state.ts';

/**
 * KV exchange (KunServe, section 5): after layers have moved between members, each stalled request's KV follows, a few
 * requests at a time, while others run. A request takes its cells at the targets first and frees the old ones at the end.
 */
export function advanceExchange(cluster: Cluster, group: InstanceGroup): void {
  if (group.retirement?.runningRequests === 'move-back') moveBack(cluster, group, group.retirement.into);
  let numMoving = group.stalled.filter(isOnItsWay).length;
  for (const request of group.stalled) {
    if (numMoving >= group.exchange.maxRequests) return;
    if (request.kvMove === undefined && startMoving(cluster, group, request)) numMoving += 1;
  }
}

/**
 * For an idle group with nothing on its way: asks the policies to free blocks for its first stalled request, which could
 * otherwise never move. Only the first is asked for: the order of admission is kept.
 */
export function makeRoomForExchange(cluster: Cluster, group: InstanceGroup): void {
  const request = group.stalled[0];
  if (request === undefined || group.stalled.some(({ kvMove }) => kvMove !== undefined)) return;
  const blocks = blocksMissingFor(movesOf(group, request), request.kvBlocks);
  if (blocks <= 0) return;
  if (cluster.stack.can('unlimitedMemory')) {
    growMemory(cluster.effects, group.layout, blocks);
    cluster.effects.wake(group);
    return;
  }
  if (makeRoom(cluster, group, { requestId: request.id, blocks }) !== undefined) cluster.effects.wake(group);
}

/** Whether its KV is on its way, other than by a migration. */
function isOnItsWay({ state }: Request): boolean {
  return state.kind === 'exchanging' && state.kvMove !== undefined;
}

/** Starts to move the request's KV to where the group's layers are. Returns false while its targets have no room. */
function startMoving(cluster: Cluster, group: InstanceGroup, request: Request): boolean {
  const moves = movesOf(group, request);
  const { kvBlocks, computedTokens: numTokens } = request;
  if (blocksMissingFor(moves, kvBlocks) > 0) return false;
  const { layout, chunkUs, exchange } = group;
  const kvMove: KvMove = { layout, moves, numBlocks: 0, transfers: [] };
  request.beginExchange(kvMove);
  const { isCoordinated } = exchange;
  const piece = { kind: 'exchange', numBlocks: kvBlocks, numTokens, chunkUs, isCoordinated } as const;
  sendBlocks(cluster, request, piece, () => {
    const own = completeKvMove(cluster, request);
    // Steps may be long: the links go on at once.
    if (!own.isChanging) advanceExchange(cluster, own);
  });
  return true;
}

/**
 * Takes requests of a group that has been split, between their steps, to the member with the most room. Stops at the first
 * that does not fit, so that the order of admission is kept.
 */
function moveBack(cluster: Cluster, group: InstanceGroup, into: readonly InstanceGroup[]): void {
  let numLeft = group.exchange.maxRequests;
  for (const target of into) numLeft -= target.stalled.length;
  for (const request of group.running.slice()) {
    if (numLeft <= 0) return;
    if (request.isInFlight || request.kvMove !== undefined) continue;
    const open = into.filter((each) => each.phase === 'serving' && !each.isGone && !each.isChanging);
    const target = open.toSorted((a, b) => b.freeBlocks - a.freeBlocks)[0];
    if (target === undefined || blocksMissingFor(movesOf(target, request), request.kvBlocks) > 0) return;
    request.stall(target);
    startMoving(cluster, target, request);
    numLeft -= 1;
  }
}
