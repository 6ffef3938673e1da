import { makeRoomForExchange } from '../kv/exchange.ts';
import { wakeGroupsOn } from '../kv/wake-groups.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import { releaseIfEmpty } from './drain.ts';
import { applyReadyTransitions } from './transition.ts';

/**
 * Called when no micro-batch is in flight: applies waiting transitions, else retires or releases an empty group, else makes
 * room for a stalled request.
 */
export function onGroupIdle(cluster: Cluster, group: InstanceGroup): void {
  if (group.isChanging) applyReadyTransitions(group);
  else if (group.phase === 'retiring' && group.numRequests === 0) retire(cluster, group);
  else if (group.phase === 'draining' && group.numRequests === 0) releaseIfEmpty(cluster, group);
  else makeRoomForExchange(cluster, group);
}

/** A group that has been split has served its last request. */
function retire(cluster: Cluster, group: InstanceGroup): void {
  cluster.removeGroup(group);
  cluster.effects.recordEvent('groupRetired', { groupId: group.id, detail: 'its last request has left' });
  // An instance that drains may wait for this.
  wakeGroupsOn(cluster, group.layout);
}
