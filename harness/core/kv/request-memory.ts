import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import { endMigration } from './end-migration.ts';
import { wakeGroupsOn } from './wake-groups.ts';

/**
 * Gives back every device cell that the request holds or that waits for its KV, in the ledger and in the executor. A
 * migration of the request is aborted, and every group that shares the memory is woken. The request's state is the caller's
 * to change.
 */
export function freeKv(cluster: Cluster, request: Request): void {
  cancelKvMove(cluster, request, 'the request ended or was given up');
  const { layout } = request;
  if (layout === undefined) return;
  request.giveBackBlocks();
  for (const { instance, layers } of layout.parts) {
    cluster.effects.executor.releaseKv(request.id, layers, { instanceId: instance.id, tier: 'device' });
  }
  wakeGroupsOn(cluster, layout);
}

/**
 * Gives up what of the request's KV is on its way, and with it a migration, for `reason`; its KV stays where it is. Does
 * nothing where none is on its way.
 */
export function cancelKvMove(cluster: Cluster, request: Request, reason: string): void {
  const { kvMove, migration } = request;
  if (kvMove === undefined) return;
  request.leaveKvMove();
  for (const transfer of kvMove.transfers) cluster.effects.fabric.cancel(transfer);
  for (const { to, layers } of kvMove.moves) {
    to.ledger.giveBack(kvMove.numBlocks * layers.count);
    cluster.effects.executor.releaseKv(request.id, layers, { instanceId: to.id, tier: 'device' });
  }
  wakeGroupsOn(cluster, kvMove.layout);
  if (migration !== undefined) endMigration(cluster, request, migration, reason);
}

/** Aborts the migrations to a group that takes no more requests, of requests that still run elsewhere. */
export function abortMigrationsTo(cluster: Cluster, group: InstanceGroup, reason: string): void {
  if (group.numMigratingIn === 0) return;
  for (const request of cluster.requests.live.values()) {
    if (request.migratesTo === group.id && request.groupId !== group.id)
      cancelKvMove(cluster, request, reason);
  }
}
