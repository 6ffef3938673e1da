import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { KvLayout, LayoutMove } from '../state/kv-layout.ts';
import type { Request } from '../state/request.ts';
import { endMigration } from './migration-log.ts';

/** Gives back every device cell that the request holds or that waits for its KV, in the ledger and in the executor. */
export function freeKv(cluster: Cluster, request: Request): void {
  cancelArrival(cluster, request, 'the request ended or was given up');
  const { layout } = request;
  if (layout === undefined) return;
  request.giveBackBlocks();
  for (const { instance, layers } of layout.parts) {
    cluster.effects.executor.releaseKv(request.id, layers, { instance: instance.id, tier: 'device' });
  }
  wakeGroupsOn(cluster, layout);
}

/** The request's KV stays where it is; what was on its way is given up, and with it a migration. */
export function cancelArrival(cluster: Cluster, request: Request, reason: string): void {
  const { arrival, migration } = request;
  if (arrival === undefined) return;
  request.cancelArrival();
  for (const transfer of arrival.transfers) cluster.effects.fabric.cancel(transfer);
  for (const { to, layers } of arrival.moves) {
    to.ledger.giveBack(arrival.numBlocks * layers.count);
    cluster.effects.executor.releaseKv(request.id, layers, { instance: to.id, tier: 'device' });
  }
  wakeGroupsOn(cluster, arrival.layout);
  if (migration !== undefined) endMigration(cluster, request, migration, reason);
}

/** The group takes no more requests: those that are on their way there, and run elsewhere yet, stay where they are. */
export function abortMigrationsTo(cluster: Cluster, group: InstanceGroup, reason: string): void {
  if (group.numMigratingIn === 0) return;
  for (const request of cluster.requests.live.values()) {
    if (request.migratesTo === group.id && request.groupId !== group.id)
      cancelArrival(cluster, request, reason);
  }
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
  const { topology, effects } = cluster;
  if (topology.hasRemoteKv) for (const group of topology.groups) effects.wake(group);
  else
    for (const { instance } of layout.parts)
      for (const group of topology.groupsOn(instance)) effects.wake(group);
}
