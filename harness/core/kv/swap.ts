import { must } from '../../base/assert.ts';
import { removeFrom } from '../../base/lists.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { KvLayout, LayoutMove, LayoutPart } from '../state/kv-layout.ts';
import { cancelArrival, freeKv, wakeGroupsOn } from './request-memory.ts';
import { type Request, requestStatus } from '../state/request.ts';
import { isInPlace, resume, stall } from './stall.ts';
import { send } from '../transfers.ts';

/**
 * Swapping: a request's KV goes to host memory beside each instance that holds it and comes back, over host links and
 * overlapped with steps; from the host of another instance also over the network, when layers have moved meanwhile. Its
 * device blocks stay taken until the last byte has left.
 */
export function swapOut(cluster: Cluster, group: InstanceGroup, request: Request): void {
  const layout = must(request.layout, `KV layout of request ${request.id}`);
  cancelArrival(cluster, request, 'the request was swapped out');
  removeFrom(group.running, request);
  group.swapped.push(request);
  request.status = requestStatus.swappingOut;
  request.numSwaps += 1;
  request.hostLayout = layout;
  group.pendingFreeBlocks += request.kvBlocks;
  for (const part of layout.parts) part.instance.hostKvBytes += hostBytes(cluster, request, part);
  moveAll(cluster, { request, kind: 'swap-out', moves: layout.movesTo(layout) }, () => {
    const home = groupOf(cluster, request);
    home.pendingFreeBlocks -= request.kvBlocks;
    freeKv(cluster, request);
    request.status = requestStatus.swapped;
    cluster.effects.notify({ kind: 'swapOutDone', requestId: request.id, groupId: home.id });
    cluster.effects.wake(home);
  });
}

/** The caller has checked that the blocks are free. */
export function swapIn(cluster: Cluster, group: InstanceGroup, request: Request): void {
  const hostLayout = must(request.hostLayout, `host layout of request ${request.id}`);
  request.takeBlocks(group.layout, group.blocksFor(request.computedTokens));
  request.status = requestStatus.swappingIn;
  const moves = hostLayout.movesTo(group.layout);
  moveAll(cluster, { request, kind: 'swap-in', moves }, () => {
    const home = groupOf(cluster, request);
    dropHostCopy(cluster, request);
    removeFrom(home.swapped, request);
    // Layers may have moved meanwhile: its KV has to follow.
    if (isInPlace(home, request)) resume(cluster, home, request);
    else stall(cluster, home, request);
    cluster.effects.notify({ kind: 'swapInDone', requestId: request.id, groupId: home.id });
    cluster.effects.wake(home);
  });
}

/** Forgets the host copy, if there is one: KV is back on devices, or the request ends. */
export function dropHostCopy(cluster: Cluster, request: Request): void {
  const { hostLayout } = request;
  if (hostLayout === undefined) return;
  request.hostLayout = undefined;
  for (const part of hostLayout.parts) {
    const { instance, layers } = part;
    instance.hostKvBytes -= hostBytes(cluster, request, part);
    cluster.effects.executor.releaseKv(request.id, layers, { instance: instance.id, tier: 'host' });
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

/** Why the host memory cannot take the request's KV, if it cannot. */
export function hostProblem(cluster: Cluster, request: Request, layout: KvLayout): string | undefined {
  for (const part of layout.parts) {
    const { hostKvBytes, hostMemoryBytes, id } = part.instance;
    if (hostKvBytes + hostBytes(cluster, request, part) > hostMemoryBytes)
      return `host memory of instance ${id} is full`;
  }
  return undefined;
}

function groupOf(cluster: Cluster, request: Request): InstanceGroup {
  return must(cluster.topology.groupOf(request), `group of request ${request.id}`);
}

interface Swap {
  readonly request: Request;
  readonly kind: 'swap-out' | 'swap-in';
  readonly moves: readonly LayoutMove[];
}

function moveAll(cluster: Cluster, { request, kind, moves }: Swap, onAllDone: () => void): void {
  let numLeft = moves.length;
  const transfers = moves.map((move) => {
    copy(cluster, request, kind, move);
    const bytes = hostBytes(cluster, request, move);
    const [source, target] =
      kind === 'swap-out' ? ([move.from.id, 'host'] as const) : (['host', move.to.id] as const);
    cluster.totals.swappedBytes += bytes;
    const movement = { kind, requestId: request.id, source, target, bytes, links: linksOf(kind, move) };
    return send(cluster, movement, () => {
      numLeft -= 1;
      if (numLeft === 0) {
        request.swapTransfers.length = 0;
        onAllDone();
      }
    });
  });
  request.swapTransfers.push(...transfers);
}

function linksOf(kind: Swap['kind'], { from, to }: LayoutMove) {
  if (kind === 'swap-out') return [from.links.toHost];
  return from === to ? [to.links.fromHost] : [from.links.send, to.links.receive];
}

/** The bytes are copied when the move starts: nobody writes them while it lasts, and the target is reserved. */
function copy(
  cluster: Cluster,
  request: Request,
  kind: Swap['kind'],
  { from, to, layers }: LayoutMove,
): void {
  const device = { instance: to.id, tier: 'device' } as const;
  const host = { instance: from.id, tier: 'host' } as const;
  const numTokens = request.computedTokens;
  const move =
    kind === 'swap-out' ? { from: device, to: host, numTokens } : { from: host, to: device, numTokens };
  cluster.effects.executor.copyKv(request.id, layers, move);
}
