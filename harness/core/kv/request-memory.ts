import type { Cluster } from '../cluster.ts';
import type { KvLayout, LayoutMove } from './kv-layout.ts';
import type { Request } from '../request.ts';

/** Gives back every device cell that the request holds or that waits for its KV, in the ledger and in the executor. */
export function freeKv(cluster: Cluster, request: Request): void {
  cancelArrival(cluster, request);
  const { layout } = request;
  if (layout === undefined) return;
  request.giveBackBlocks();
  for (const { instance, layers } of layout.parts) {
    cluster.executor.releaseKv(request.id, layers, { instance: instance.id, tier: 'device' });
  }
  wakeGroupsOn(cluster, layout);
}

/** The request's KV stays where it is; what was on its way is given up. */
export function cancelArrival(cluster: Cluster, request: Request): void {
  const { arrival } = request;
  if (arrival === undefined) return;
  request.arrival = undefined;
  for (const transfer of arrival.transfers) cluster.fabric.cancel(transfer);
  for (const { to, layers } of arrival.moves) {
    to.ledger.giveBack(request.kvBlocks * layers.count);
    cluster.executor.releaseKv(request.id, layers, { instance: to.id, tier: 'device' });
  }
  wakeGroupsOn(cluster, arrival.layout);
}

/** Cells that moves of so many blocks need, by instance, fit what is free there; otherwise how many blocks do not. */
export function blocksMissingFor(moves: readonly LayoutMove[], numBlocks: number): number {
  let missing = 0;
  for (const { to } of moves) {
    let numLayers = 0;
    for (const move of moves) if (move.to === to) numLayers += move.layers.count;
    missing = Math.max(missing, numBlocks - Math.floor(to.ledger.freeCells / numLayers));
  }
  return missing;
}

/** Memory has become free: whoever shares it may go on. */
export function wakeGroupsOn(cluster: Cluster, layout: KvLayout): void {
  if (cluster.hasRemoteKv) for (const group of cluster.groups) cluster.wake(group);
  else for (const { instance } of layout.parts) for (const group of instance.groups) cluster.wake(group);
}
