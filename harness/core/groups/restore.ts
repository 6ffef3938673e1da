import type { DecisionOf, Refusal } from '../../policy/decisions.ts';
import type { Cluster } from '../state/cluster.ts';
import { abortMigrationsTo } from '../kv/request-memory.ts';
import type { InstanceGroup, Retirement } from '../state/group.ts';
import { redispatch } from '../lifecycle.ts';
import { modelWeightBytes, type ModelShape } from '../../domain/model-shape.ts';
import { beginTransition, cancelTransition } from './transition.ts';
import { cancelLoads, finishLoad, loadWeights } from './load-weights.ts';

/**
 * Restoring parameters (KunServe, section 4.4): members load the layers that they lack while the group serves; then each
 * is a group of its own. Returns why it is refused, having changed nothing; `undefined` once
 * it has begun to load.
 */
export function restore(cluster: Cluster, decision: DecisionOf<'restore'>): Refusal<'restore'> | undefined {
  const group = cluster.topology.group(decision.groupId);
  if (group === undefined) return `there is no group ${decision.groupId}`;
  const problem = restoreProblem(cluster.model, group);
  if (problem !== undefined) return problem;
  group.phase = 'restoring';
  cluster.effects.recordEvent('restoreStarted', {
    groupId: group.id,
    detail: `${group.pipeline.length} instances load what they lack`,
  });
  let numLeft = group.pipeline.length;
  const noteDone = (): void => {
    numLeft -= 1;
    if (numLeft === 0)
      beginTransition(cluster.effects, [group], () => split(cluster, group, decision.running));
  };
  const wanted = { layers: cluster.allLayers, weightsFrom: 'peer' } as const;
  for (const { member } of group.pipeline)
    group.weightLoads.push(loadWeights(cluster, member, wanted, noteDone));
  return undefined;
}

function restoreProblem(model: ModelShape, group: InstanceGroup): Refusal<'restore'> | undefined {
  if (group.phase !== 'serving') return `group ${group.id} is ${group.phase}`;
  if (group.pipeline.length < 2) return `group ${group.id} is a single instance already`;
  if (group.stalled.length > 0) return `group ${group.id} still exchanges KV`;
  const bytes = modelWeightBytes(model);
  const full = group.pipeline.find(({ member }) => !member.ledger.hasRoomForWeights(bytes));
  return full === undefined
    ? undefined
    : `KV in use on instance ${full.instanceId} leaves no room for the weights`;
}

/** Stops a restore that has not split the group yet. */
export function cancelRestore(
  cluster: Cluster,
  { groupId }: DecisionOf<'cancelRestore'>,
): Refusal<'cancelRestore'> | undefined {
  const group = cluster.topology.group(groupId);
  if (group === undefined) return `there is no group ${groupId}`;
  if (group.phase !== 'restoring') return `group ${groupId} is ${group.phase}, not restoring`;
  group.phase = 'serving';
  for (const transition of group.transitions.slice()) cancelTransition(cluster.effects, transition);
  cancelLoads(cluster, group);
  cluster.effects.recordEvent('restoreCancelled', { groupId, detail: 'the memory is KV cells again' });
  cluster.effects.wake(group);
  return undefined;
}

/** No step is under way, the weights are there: each member is a group of its own, and the pipeline retires. */
function split(cluster: Cluster, group: InstanceGroup, runningRequests: Retirement['runningRequests']): void {
  for (const load of group.weightLoads.splice(0)) finishLoad(cluster, load);
  group.phase = 'retiring';
  abortMigrationsTo(cluster, group, `group ${group.id} is split`);
  const into = group.pipeline.map(({ member }) =>
    cluster.topology.addGroup([{ instance: member, layers: cluster.allLayers }], 'serving'),
  );
  group.retirement = { into, runningRequests };
  const readyAtUs = cluster.nowUs + Math.max(...group.pipeline.map(({ member }) => member.hardware.remapUs));
  for (const each of [group, ...into]) {
    each.exchange = group.exchange;
    each.pausedUntilUs = readyAtUs;
    cluster.effects.wake(each);
  }
  settle(cluster, group, into);
  const ids = into.map(({ id }) => id);
  cluster.effects.recordEvent('groupSplit', { groupId: group.id, detail: `into groups ${ids.join(', ')}` });
  cluster.effects.notifyPolicies({ kind: 'groupSplit', groupId: group.id, into: ids });
}

/** Requests without KV are dispatched again; those whose KV never left one member run on there. */
function settle(cluster: Cluster, group: InstanceGroup, into: readonly InstanceGroup[]): void {
  const queued = Array.from(group.waiting);
  for (const request of queued) {
    redispatch(cluster, request);
  }
  for (const request of group.running.slice()) {
    const target = into.find(({ layout }) => request.layout?.matches(layout) === true);
    if (target === undefined) continue;
    request.moveTo(target);
    request.layout = target.layout;
    const { migration } = request;
    if (migration !== undefined) {
      migration.fromGroupId = target.id;
      group.numMigratingOut -= 1;
      target.numMigratingOut += 1;
    }
  }
}
