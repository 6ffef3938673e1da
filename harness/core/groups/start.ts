import { usPerSecond } from '../../base/units.ts';
import type { DecisionOf, Refusal } from '../../policy/decisions.ts';
import type { Cluster } from '../state/cluster.ts';
import type { Effects } from '../state/effects.ts';
import { eventPriority } from '../state/events.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Hardware } from '../../domain/hardware.ts';
import { modelWeightBytes } from '../../domain/model-shape.ts';
import { addComingInstance } from './add-instance.ts';
import { finishLoad, loadWeights } from './load-weights.ts';

/**
 * Cold starts. An instance is paid for from the moment it is asked for; it is provisioned, loads its weights over its links,
 * warms up, and only then serves.
 * Returns why it is refused, having changed nothing; `undefined` once it has begun.
 */
export function scaleUp(
  cluster: Cluster,
  { numInstances, role = 'mixed' }: DecisionOf<'scaleUp'>,
): Refusal<'scaleUp'> | undefined {
  const problem = budgetProblem(cluster, numInstances);
  if (problem !== undefined) return problem;
  for (let count = 0; count < numInstances; count += 1) {
    const group = addComingInstance(cluster, role);
    const instance = group.leader;
    cluster.effects.recordEvent('instanceRequested', {
      instanceId: instance.id,
      groupId: group.id,
      detail: `as ${role}`,
    });
    provision(cluster, group, 1);
  }
  return undefined;
}

function budgetProblem(cluster: Cluster, numInstances: number): Refusal<'scaleUp'> | undefined {
  const { maxInstances, hardware } = cluster.supply;
  const numNow = cluster.topology.numInstances;
  if (numNow + numInstances > maxInstances) {
    return `${numNow} instances and ${numInstances} more exceed the budget of ${maxInstances}`;
  }
  return holdsModel(cluster, hardware)
    ? undefined
    : 'a new instance serves alone, and the whole model does not fit one';
}

/** Whether an instance on this hardware has room for all layers, and for one block of KV beside them. */
function holdsModel({ model, cellBytes }: Cluster, { memoryBytes, reserveBytes }: Hardware): boolean {
  return modelWeightBytes(model) + reserveBytes + cellBytes * model.numLayers <= memoryBytes;
}

/** Gets the device; an attempt that fails is repeated after a back-off that doubles, as Kubernetes restarts a container. */
function provision(cluster: Cluster, group: InstanceGroup, attempt: number): void {
  const { provisioning, failureRatio, backoffUs, maxBackoffUs } = group.leader.hardware.start;
  const readyAtUs = cluster.nowUs + drawLogNormal(cluster, provisioning);
  const fails = cluster.supply.rng.uniform() < failureRatio;
  const { id } = group.leader;
  continueAt(cluster.effects, group, readyAtUs, () => {
    if (!fails) {
      loadAndWarmUp(cluster, group);
      return;
    }
    const waitUs = Math.min(maxBackoffUs, backoffUs * 2 ** (attempt - 1));
    const retryAtUs = cluster.nowUs + waitUs;
    const detail = `attempt ${attempt} failed, the next in ${waitUs / usPerSecond} s`;
    cluster.effects.recordEvent('startFailed', { instanceId: id, groupId: group.id, detail });
    cluster.effects.notifyPoliciesLater({ kind: 'startFailed', instanceId: id, retryAtUs });
    continueAt(cluster.effects, group, retryAtUs, () => provision(cluster, group, attempt + 1));
  });
}

/** Log-normal with this mean and coefficient of variation, in whole microseconds. */
function drawLogNormal(
  { supply }: Cluster,
  { meanUs, cv }: { readonly meanUs: number; readonly cv: number },
): number {
  const variance = Math.log(1 + cv * cv);
  const factor = Math.exp(Math.sqrt(variance) * supply.rng.normal() - variance / 2);
  return Math.round(meanUs * factor);
}

/** Does the next thing of a start, unless the group has been released or has failed meanwhile. */
function continueAt(effects: Effects, group: InstanceGroup, timeUs: number, next: () => void): void {
  effects.events.scheduleCall(timeUs, eventPriority.completion, () => {
    if (!group.isGone) next();
  });
}

function loadAndWarmUp(cluster: Cluster, group: InstanceGroup): void {
  const instance = group.leader;
  const { weightsFrom, warmUpUs } = instance.hardware.start;
  instance.state = 'loading';
  cluster.effects.executor.startInstance(
    instance.id,
    instance.layers,
    instance.totalCells,
    instance.hardware,
  );
  cluster.effects.recordEvent('loadStarted', {
    instanceId: instance.id,
    groupId: group.id,
    detail: `weights from ${weightsFrom}`,
  });
  loadAlone(cluster, group, weightsFrom, () => {
    instance.state = 'warming-up';
    continueAt(cluster.effects, group, cluster.nowUs + warmUpUs, () => {
      const seconds = (cluster.nowUs - instance.requestedAtUs) / usPerSecond;
      serve(cluster.effects, group, `after a cold start of ${seconds} s`);
    });
  });
}

/** The group's only member loads what it lacks of the whole model. */
export function loadAlone(
  cluster: Cluster,
  group: InstanceGroup,
  weightsFrom: 'disk' | 'host' | 'peer',
  onLoaded: () => void,
): void {
  const loading = loadWeights(cluster, group.leader, { layers: cluster.allLayers, weightsFrom }, () => {
    group.weightLoads.length = 0;
    finishLoad(cluster, loading);
    onLoaded();
  });
  group.weightLoads.push(loading);
}

/** A group that was loading serves from now on. */
export function serve(effects: Effects, group: InstanceGroup, detail: string): void {
  const instance = group.leader;
  group.phase = 'serving';
  instance.state = 'ready';
  effects.recordEvent('instanceReady', { instanceId: instance.id, groupId: group.id, detail });
  effects.wake(group);
  effects.notifyPoliciesLater({ kind: 'instanceReady', instanceId: instance.id, groupId: group.id });
}
