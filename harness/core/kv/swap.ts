import { must } from '../../base/assert.ts';
import type { Refusal } from '../../policy/decisions.ts';
import type { Cluster } from '../state/cluster.ts';
import type { Effects } from '../state/effects.ts';
import type { Topology } from '../state/topology.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { KvLayout, LayoutMove, LayoutPart } from '../state/kv-layout.ts';
import { cancelKvMove, freeKv } from './request-memory.ts';
import type { Request } from '../state/request.ts';
import { isSwap } from '../state/request-state.ts';
import type { Transfer } from '../state/fabric.ts';
import { isInPlace, resumeInPlace } from './stall.ts';
import { send } from '../transfers.ts';
import { wakeGroupsOn } from './wake-groups.ts';

/**
 * Copies a request's KV to host memory beside each instance that holds it, over the host links and overlapped with steps.
 * Its device blocks stay taken until the last byte has left. It comes back by `swapIn`: over the host link where layers have
 * stayed, and from another instance's host over the network only, since that host's own link is not charged.
 */
export function swapOut(cluster: Cluster, request: Request): void {
  const layout = must(request.layout, `KV layout of request ${request.id}`);
  cancelKvMove(cluster, request, 'the request was swapped out');
  const transfers: Transfer[] = [];
  request.beginSwapOut(layout, transfers);
  for (const part of layout.parts) part.instance.hostKvBytes += hostBytes(cluster, request, part);
  moveAll(cluster, { request, kind: 'swap-out', moves: layout.movesTo(layout), transfers }, () => {
    const group = groupOf(cluster.topology, request);
    request.endSwapOut();
    freeKv(cluster, request);
    cluster.effects.notifyPolicies({ kind: 'swapOutDone', requestId: request.id, groupId: group.id });
    cluster.effects.wake(group);
  });
}

/** Takes blocks for a swapped request and copies its KV back. The caller has checked that the blocks are free. */
export function swapIn(cluster: Cluster, group: InstanceGroup, request: Request): void {
  const hostLayout = must(request.hostLayout, `host layout of request ${request.id}`);
  request.takeBlocks(group.layout, group.blocksFor(request.computedTokens));
  const transfers: Transfer[] = [];
  request.beginSwapIn(transfers);
  const moves = hostLayout.movesTo(group.layout);
  moveAll(cluster, { request, kind: 'swap-in', moves, transfers }, () => {
    const own = groupOf(cluster.topology, request);
    dropHostCopy(cluster, request, hostLayout);
    // Layers may have moved meanwhile: its KV has to follow.
    if (isInPlace(own, request)) resumeInPlace(own, request);
    else request.stall(own);
    cluster.effects.notifyPolicies({ kind: 'swapInDone', requestId: request.id, groupId: own.id });
    cluster.effects.wake(own);
  });
}

/**
 * Cancels the swap of a request that is given up or ends, and frees its host memory. Does nothing where none of its KV is in
 * host memory or on its way there. The request's state is the caller's to change.
 */
export function dropSwap(cluster: Cluster, request: Request): void {
  const { state } = request;
  if (!isSwap(state)) return;
  if (state.kind !== 'swapped')
    for (const transfer of state.transfers) cluster.effects.fabric.cancel(transfer);
  dropHostCopy(cluster, request, state.hostLayout);
}

/** Forgets the host copy: KV is back on devices, or given up. */
function dropHostCopy(cluster: Cluster, request: Request, hostLayout: KvLayout): void {
  for (const part of hostLayout.parts) {
    const { instance, layers } = part;
    instance.hostKvBytes -= hostBytes(cluster, request, part);
    cluster.effects.executor.releaseKv(request.id, layers, { instanceId: instance.id, tier: 'host' });
  }
  // An instance that drains may wait for this.
  wakeGroupsOn(cluster, hostLayout);
}

/** Host bytes that the request's computed KV takes beside one instance, in whole blocks. */
export function hostBytes(
  cluster: Cluster,
  request: Request,
  { layers }: Pick<LayoutPart, 'layers'>,
): number {
  return Math.ceil(request.computedTokens / cluster.blockSizeTokens) * layers.count * cluster.cellBytes;
}

/** Why the host memory cannot take the request's KV; `undefined` if it can. */
export function hostProblem(
  cluster: Cluster,
  request: Request,
  layout: KvLayout,
): Refusal<'preempt'> | undefined {
  for (const part of layout.parts) {
    const { hostKvBytes, hardware, id } = part.instance;
    if (hostKvBytes + hostBytes(cluster, request, part) > hardware.hostMemoryBytes)
      return `host memory of instance ${id} is full`;
  }
  return undefined;
}

function groupOf(topology: Topology, request: Request): InstanceGroup {
  return must(topology.groupOf(request), `group of request ${request.id}`);
}

interface Swap {
  readonly request: Request;
  readonly kind: 'swap-out' | 'swap-in';
  readonly moves: readonly LayoutMove[];
  /** Transfers that carry the moves; `moveAll` adds them. */
  readonly transfers: Transfer[];
}

function moveAll(cluster: Cluster, { request, kind, moves, transfers }: Swap, onAllDone: () => void): void {
  let numLeft = moves.length;
  for (const move of moves) {
    copy(cluster.effects, request, kind, move);
    const bytes = hostBytes(cluster, request, move);
    const [source, target] =
      kind === 'swap-out' ? ([move.from.id, 'host'] as const) : (['host', move.to.id] as const);
    cluster.totals.swappedBytes += bytes;
    const movement = { kind, requestId: request.id, source, target, bytes, links: linksOf(kind, move) };
    const transfer = send(cluster.effects, movement, () => {
      numLeft -= 1;
      if (numLeft === 0) onAllDone();
    });
    transfers.push(transfer);
  }
}

function linksOf(kind: Swap['kind'], { from, to }: LayoutMove) {
  if (kind === 'swap-out') return [from.links.toHost];
  return from === to ? [to.links.fromHost] : [from.links.send, to.links.receive];
}

/** The bytes are copied when the move starts: nobody writes them while it lasts, and the target is reserved. */
function copy(
  effects: Effects,
  request: Request,
  kind: Swap['kind'],
  { from, to, layers }: LayoutMove,
): void {
  const device = { instanceId: to.id, tier: 'device' } as const;
  const host = { instanceId: from.id, tier: 'host' } as const;
  const numTokens = request.computedTokens;
  const move =
    kind === 'swap-out' ? { from: device, to: host, numTokens } : { from: host, to: device, numTokens };
  effects.executor.copyKv(request.id, layers, move);
}
