import type { Cluster } from '../state/cluster.ts';
import { checkMemory } from './memory.ts';
import { checkMigrations } from './migrations.ts';
import { checkBlocks, checkDemand, checkQueues } from './requests.ts';
import { checkLayers, checkMembers, checkKvOnDevices, checkTransitions } from './topology.ts';

/**
 * What must hold between any two events. Checked after every event in tests and once at the end of every run; each has an
 * id that a failure names.
 */
export function checkInvariants(cluster: Cluster): void {
  for (const group of cluster.topology.groups) {
    checkLayers(cluster.model, group);
    checkBlocks(group);
    checkDemand(group);
  }
  checkMembers(cluster.topology);
  checkKvOnDevices(cluster.requests);
  checkTransitions(cluster);
  checkMigrations(cluster);
  checkMemory(cluster);
  checkQueues(cluster);
}
