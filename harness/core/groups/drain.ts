import type { DecisionOf, Refusal } from '../../policy/decisions.ts';
import type { Cluster } from '../state/cluster.ts';
import { abortMigrationsTo } from '../kv/request-memory.ts';
import type { InstanceGroup } from '../state/group.ts';
import { redispatch, planRetry } from '../lifecycle.ts';
import { cancelLoads, redirectLoads } from './load-weights.ts';
import { recordEach } from './record-each.ts';

/**
 * Releases a group's instances: nothing is sent there any more, requests without KV are dispatched again, and once the others
 * have ended or migrated away the memory is freed.
 * Returns why it is refused, having changed nothing; `undefined` once it has begun.
 */
export function drain(cluster: Cluster, { groupId }: DecisionOf<'drain'>): Refusal<'drain'> | undefined {
  const group = cluster.topology.group(groupId);
  if (group === undefined) return `there is no group ${groupId}`;
  if (group.phase === 'loading' && isEmpty(cluster, group)) {
    release(cluster, group, 'before it was ready');
    return undefined;
  }
  if (group.phase !== 'serving') return `group ${groupId} is ${group.phase}`;
  setPhase(group, 'draining');
  abortMigrationsTo(cluster, group, `group ${groupId} drains`);
  const queued = [...group.waiting];
  for (const request of queued) {
    redispatch(cluster, request);
  }
  const detail = `${queued.length} requests dispatched again, ${group.numRequests} have KV here`;
  recordEach(cluster.effects, group, 'drainStarted', detail);
  cluster.effects.wake(group);
  return undefined;
}

/** Ends a drain: the group takes requests again. Returns why it is refused, having changed nothing, or `undefined`. */
export function cancelDrain(
  cluster: Cluster,
  { groupId }: DecisionOf<'cancelDrain'>,
): Refusal<'cancelDrain'> | undefined {
  const group = cluster.topology.group(groupId);
  if (group === undefined) return `there is no group ${groupId}`;
  if (group.phase !== 'draining') return `group ${groupId} is ${group.phase}, not draining`;
  setPhase(group, 'serving');
  recordEach(cluster.effects, group, 'drainCancelled', 'takes requests again');
  cluster.effects.wake(group);
  planRetry(cluster);
  return undefined;
}

function setPhase(group: InstanceGroup, phase: 'serving' | 'draining'): void {
  group.phase = phase;
  for (const { member } of group.pipeline) member.state = phase === 'serving' ? 'ready' : phase;
}

/** Releases a draining group that has nothing left. */
export function releaseIfEmpty(cluster: Cluster, group: InstanceGroup): void {
  if (isEmpty(cluster, group)) release(cluster, group, 'drained');
}

/**
 * Whether the group has no request and no step under way, and nobody's KV is on its members or in the host memory beside
 * them.
 */
function isEmpty({ topology }: Cluster, group: InstanceGroup): boolean {
  const { pipeline, numRequests, isIdle } = group;
  const isUnused = pipeline.every(
    ({ member }) =>
      topology.groupsOn(member).length === 1 && member.ledger.usedCells === 0 && member.hostKvBytes === 0,
  );
  return isUnused && numRequests === 0 && isIdle;
}

function release(cluster: Cluster, group: InstanceGroup, detail: string): void {
  cancelLoads(cluster, group);
  cluster.removeGroup(group);
  for (const { member } of group.pipeline) {
    if (member.hasDevice) cluster.effects.executor.stopInstance(member.id);
    member.state = 'stopped';
    member.releasedAtUs = cluster.nowUs;
    cluster.effects.recordEvent('instanceStopped', { instanceId: member.id, groupId: group.id, detail });
    cluster.effects.notifyPoliciesLater({ kind: 'instanceStopped', instanceId: member.id });
  }
  redirectLoads(cluster);
}
