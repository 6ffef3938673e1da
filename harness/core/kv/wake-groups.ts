import type { Cluster } from '../state/cluster.ts';
import type { KvLayout } from '../state/kv-layout.ts';

/**
 * Wakes every group that shares the memory of the layout: some of it has become free. With remote attention that may be any group.
 */
export function wakeGroupsOn(cluster: Cluster, layout: KvLayout): void {
  const { topology, effects } = cluster;
  if (topology.hasRemoteKv) for (const group of topology.groups) effects.wake(group);
  else
    for (const { instance } of layout.parts)
      for (const group of topology.groupsOn(instance)) effects.wake(group);
}
