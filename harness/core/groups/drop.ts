import type { DecisionOf, KvTransition, Refusal } from '../../policy/decisions.ts';
import { reshape } from './reshape.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Instance } from '../state/instance.ts';
import { dividePipeline } from './layer-split.ts';
import { regroup, requestsOf } from './regroup.ts';
import type { LayoutPart } from '../state/kv-layout.ts';
import { abortMigrationsTo, cancelKvMove } from '../kv/request-memory.ts';
import type { Request } from '../state/request.ts';
import { beginTransition } from './transition.ts';
import { redirectLoads } from './load-weights.ts';

/**
 * Dropping replicated parameters (KunServe, section 4): groups become one pipeline in which every layer is held once.
 * Returns why it is refused, having changed nothing; `undefined` once it has begun to wait for the groups' last steps.
 */
export function drop(
  cluster: Cluster,
  { groupIds, transition }: DecisionOf<'drop'>,
): Refusal<'drop'> | undefined {
  const groups: InstanceGroup[] = [];
  for (const id of groupIds) {
    const group = cluster.topology.group(id);
    if (group === undefined) return `there is no group ${id}`;
    if (group.phase !== 'serving') return `group ${id} is ${group.phase}`;
    groups.push(group);
  }
  const parts = dividePipeline(membersOf(groups), cluster.model.numLayers);
  if (parts === undefined) return `groups ${groupIds.join(', ')} cannot share the layers in one pipeline`;
  for (const group of groups) group.phase = 'merging';
  beginTransition(cluster.effects, [...groups, ...retiringBeside(cluster, groups)], () =>
    merge(cluster, parts, transition),
  );
  return undefined;
}

function membersOf(groups: readonly InstanceGroup[]): Instance[] {
  return groups.flatMap(({ pipeline }) => pipeline.map(({ member }) => member));
}

/** Groups that were split and still serve on a member: its layers change under them, so they are merged as well. */
function retiringBeside({ topology }: Cluster, groups: readonly InstanceGroup[]): InstanceGroup[] {
  const retiring = membersOf(groups).flatMap((member) =>
    topology.groupsOn(member).filter(({ phase }) => phase === 'retiring'),
  );
  return [...new Set(retiring)];
}

/** No step of the groups is under way. Their members keep their part of the layers, and one new group all requests. */
function merge(cluster: Cluster, parts: readonly LayoutPart[], transition: KvTransition): void {
  const members = parts.map(({ instance }) => instance);
  const before = [...new Set(members.flatMap((member) => cluster.topology.groupsOn(member)))];
  const requests = before.flatMap(requestsOf);
  for (const request of requests) cancelKvMove(cluster, request, 'its group merges with others');
  for (const group of before) abortMigrationsTo(cluster, group, `group ${group.id} merges with others`);
  for (const group of before) cluster.removeGroup(group);
  for (const { instance, layers } of parts) {
    const detail = reshape(cluster, instance, layers);
    cluster.effects.recordEvent('weightsDropped', { instanceId: instance.id, detail });
  }
  redirectLoads(cluster);
  const group = cluster.topology.addGroup(parts, 'serving');
  if (transition.kind === 'exchange') group.exchange = { ...transition };
  else cluster.topology.hasRemoteKv = true;
  // What a stage will take, until the first has: the same work on fewer layers.
  const stepUs = Math.max(...before.map(({ lastStageUs, pipeline }) => lastStageUs * pipeline.length));
  group.lastStageUs = Math.ceil(stepUs / parts.length);
  group.pausedUntilUs = cluster.nowUs + Math.max(...members.map(({ hardware }) => hardware.remapUs));
  for (const old of before) group.deferred.push(...old.deferred);
  for (const request of requests.toSorted(byAdmission)) regroup(group, request, transition);
  const from = before.map(({ id }) => id);
  const names = members.map(({ id }) => id).join(', ');
  cluster.effects.recordEvent('groupsMerged', {
    groupId: group.id,
    detail: `groups ${from.join(', ')} are one on instances ${names}`,
  });
  cluster.effects.wake(group);
  cluster.effects.notifyPolicies({ kind: 'groupsMerged', groupId: group.id, from });
}

/**
 * Orders requests that have been scheduled before those that have not: the first by when they first were, the others by
 * their arrival.
 */
function byAdmission(a: Request, b: Request): number {
  const scheduled = (a.firstScheduledAtUs ?? Infinity) - (b.firstScheduledAtUs ?? Infinity);
  if (scheduled !== 0 && !Number.isNaN(scheduled)) return scheduled;
  return a.arrivedAtUs - b.arrivedAtUs || a.id - b.id;
}
