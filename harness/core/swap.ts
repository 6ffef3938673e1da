import { requestStatus } from './request.ts';
import type { Request } from './request.ts';
import type { Cluster } from './cluster.ts';
import { type InstanceGroup, removeFrom } from './group.ts';
import type { LayoutPart } from './kv-layout.ts';

/**
 * Swapping: a request's KV goes to host memory beside each member and comes back, over the members' host links and
 * overlapped with steps. Its device blocks stay taken until the last byte has left.
 */
export function swapOut(cluster: Cluster, group: InstanceGroup, request: Request): void {
  removeFrom(group.running, request);
  group.swapped.push(request);
  request.status = requestStatus.swappingOut;
  request.numSwaps += 1;
  group.pendingFreeBlocks += request.kvBlocks;
  for (const part of group.layout.parts) {
    part.instance.hostKvBytes += hostBytes(cluster, request, part);
    copyBetween(cluster, request, part, 'out');
  }
  moveAllParts(cluster, group, { request, direction: 'out' }, () => {
    for (const { instance, layers } of group.layout.parts) {
      cluster.executor.releaseKv(request.id, layers, { instance: instance.id, tier: 'device' });
    }
    group.pendingFreeBlocks -= request.kvBlocks;
    group.giveBackBlocks(request);
    request.status = requestStatus.swapped;
    if (cluster.hooks.endIfAborted(request)) return;
    cluster.hooks.notify({ kind: 'swapOutDone', requestId: request.id, groupId: group.id });
    cluster.wake(group);
  });
}

/** The caller has checked that the blocks are free. */
export function swapIn(cluster: Cluster, group: InstanceGroup, request: Request): void {
  group.takeBlocks(request, group.blocksFor(request.computedTokens));
  request.status = requestStatus.swappingIn;
  for (const part of group.layout.parts) copyBetween(cluster, request, part, 'in');
  moveAllParts(cluster, group, { request, direction: 'in' }, () => {
    for (const part of group.layout.parts) releaseHost(cluster, request, part);
    removeFrom(group.swapped, request);
    group.running.push(request);
    request.status =
      request.computedTokens < request.tokens - 1 ? requestStatus.prefilling : requestStatus.decoding;
    if (cluster.hooks.endIfAborted(request)) return;
    cluster.hooks.notify({ kind: 'swapInDone', requestId: request.id, groupId: group.id });
    cluster.wake(group);
  });
}

/** The request ends while its KV is on its way out: the blocks are free now, not when the copy is complete. */
export function stopSwapOut(cluster: Cluster, group: InstanceGroup, request: Request): void {
  group.pendingFreeBlocks -= request.kvBlocks;
  dropHostCopy(cluster, group, request);
}

/** Forgets the host copy of a request that ends before it is back. */
export function dropHostCopy(cluster: Cluster, group: InstanceGroup, request: Request): void {
  for (const part of group.layout.parts) releaseHost(cluster, request, part);
}

/** Host bytes that the request's computed KV takes beside one member, in whole blocks. */
export function hostBytes(cluster: Cluster, request: Request, part: LayoutPart): number {
  return Math.ceil(request.computedTokens / cluster.blockSizeTokens) * part.layers.count * cluster.cellBytes;
}

function releaseHost(cluster: Cluster, request: Request, part: LayoutPart): void {
  const { instance, layers } = part;
  instance.hostKvBytes -= hostBytes(cluster, request, part);
  cluster.executor.releaseKv(request.id, layers, { instance: instance.id, tier: 'host' });
}

/** The bytes are copied when the move starts: nobody writes them while it lasts, and the target is reserved. */
function copyBetween(cluster: Cluster, request: Request, part: LayoutPart, direction: 'in' | 'out'): void {
  const device = { instance: part.instance.id, tier: 'device' } as const;
  const host = { instance: part.instance.id, tier: 'host' } as const;
  const numTokens = request.computedTokens;
  const move =
    direction === 'out' ? { from: device, to: host, numTokens } : { from: host, to: device, numTokens };
  cluster.executor.copyKv(request.id, part.layers, move);
}

function moveAllParts(
  cluster: Cluster,
  group: InstanceGroup,
  { request, direction }: { request: Request; direction: 'in' | 'out' },
  onAllDone: () => void,
): void {
  const kind = direction === 'out' ? 'swap-out' : 'swap-in';
  let numLeft = group.layout.parts.length;
  for (const part of group.layout.parts) {
    const links = cluster.linksOf(part.instance);
    const bytes = hostBytes(cluster, request, part);
    cluster.swappedBytes += bytes;
    cluster.fabric.submit({
      kind,
      bytes,
      links: [direction === 'out' ? links.toHost : links.fromHost],
      onDone: (transfer) => {
        cluster.observer.transferEnded({
          kind,
          requestId: request.id,
          source: direction === 'out' ? part.instance.id : 'host',
          target: direction === 'out' ? 'host' : part.instance.id,
          bytes,
          requestedAtUs: transfer.requestedAtUs,
          startedAtUs: transfer.startedAtUs ?? cluster.nowUs,
          endedAtUs: cluster.nowUs,
        });
        numLeft -= 1;
        if (numLeft === 0) onAllDone();
      },
    });
  }
}
