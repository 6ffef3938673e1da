import { must } from '../../base/assert.ts';
import type { Refusal } from '../../policy/decisions.ts';
import type { Cluster } from '../state/cluster.ts';
import { logDecision } from '../decision-log.ts';
import { regroup, requestsOf } from './regroup.ts';
import { eventPriority } from '../state/events.ts';
import { defaultExchange, type GroupStage, type InstanceGroup } from '../state/group.ts';
import type { Instance } from '../state/instance.ts';
import { stopOnceNotInFlight } from '../kv/migrate.ts';
import { recomputeElsewhere, endIfAborted, redispatch } from '../lifecycle.ts';
import { modelWeightBytes } from '../../domain/model-shape.ts';
import { abortMigrationsTo, cancelKvMove } from '../kv/request-memory.ts';
import type { Request } from '../state/request.ts';
import { isSwap } from '../state/request-state.ts';
import { loadAlone, serve } from './start.ts';
import type { StepBatch } from '../state/step-batch.ts';
import { freeStageAndStartNext } from '../step/stages.ts';
import { cancelTransition } from './transition.ts';
import { cancelLoads, redirectLoads } from './load-weights.ts';

/** An instance that fails, with its host memory, at a time of the run. */
export interface Fault {
  /** A number out of the configuration: there may be no instance with that id. */
  readonly instance: number;
  readonly atUs: number;
}

/** A fault is no progress: one planned for later does not keep a run alive that has nothing left to do. */
export function planFaults(cluster: Cluster, faults: readonly Fault[]): void {
  for (const { instance, atUs } of faults) {
    cluster.effects.events.scheduleCall(atUs, eventPriority.tick, () => {
      const failing = cluster.topology.instances[instance];
      // A policy may have begun with fewer instances than the configuration names.
      if (failing !== undefined && !failing.isGone) fail(cluster, failing);
    });
  }
}

/**
 * A member's failure ends its groups (KunServe, section 4.4): the survivors load the layers that they lack and go on as
 * groups of their own. Requests whose KV was on the failed instance compute it again; the others keep theirs.
 */
function fail(cluster: Cluster, failed: Instance): void {
  const groups = cluster.topology.groupsOn(failed).slice();
  const members = groups.flatMap(({ pipeline }) => pipeline.map(({ member }) => member));
  const survivors = [...new Set(members)].filter((member) => member !== failed);
  for (const group of groups) stopGroup(cluster, group);
  const numLost = recomputeKvOn(cluster, failed);
  const survivingRequests = groups.flatMap(requestsOf);
  for (const request of survivingRequests) {
    cancelKvMove(cluster, request, `its group has lost instance ${failed.id}`);
  }
  for (const group of groups) {
    abortMigrationsTo(cluster, group, `group ${group.id} has lost instance ${failed.id}`);
    cluster.removeGroup(group);
  }
  shutDown(cluster, failed, `${numLost} requests lose their KV`);
  for (const survivor of survivors) {
    if (cluster.topology.servingGroupOn(survivor) === undefined)
      regroupSurvivor(cluster, survivor, survivingRequests);
  }
  for (const request of survivingRequests) assignToKvHolder(cluster, request);
  redirectLoads(cluster);
  // Some have waited for a step that was taken back.
  for (const request of cluster.requests.live.values()) {
    stopOnceNotInFlight(cluster, request);
    endIfAborted(cluster, request);
  }
  cluster.effects.notifyPolicies({ kind: 'instanceFailed', instanceId: failed.id });
}

/**
 * Has every request with KV on the instance, on its device or in its host memory, computed again elsewhere. KV on its way to
 * the instance stays where it was. Returns how many requests are computed again.
 */
function recomputeKvOn(cluster: Cluster, failed: Instance): number {
  for (const request of cluster.requests.live.values()) {
    if (request.kvMove?.layout.includes(failed) === true)
      cancelKvMove(cluster, request, `instance ${failed.id} has failed`);
  }
  const requestsWithLostKv = [...cluster.requests.live.values()].filter((request) =>
    hasKvOn(request, failed),
  );
  for (const request of requestsWithLostKv) stopSteps(cluster, cluster.topology.groupOf(request));
  for (const request of requestsWithLostKv) {
    cancelKvMove(cluster, request, `instance ${failed.id} has failed`);
    recomputeLostKv(cluster, request);
  }
  return requestsWithLostKv.length;
}

/** Stops an instance on which nobody has KV any more, and records that it has failed. */
function shutDown(cluster: Cluster, instance: Instance, detail: string): void {
  if (instance.hasDevice) cluster.effects.executor.stopInstance(instance.id);
  instance.state = 'failed';
  instance.releasedAtUs = cluster.nowUs;
  cluster.effects.recordEvent('instanceFailed', { instanceId: instance.id, detail });
}

/** Stops all that the group has under way: transitions, loads of weights, deferred decisions (refused) and steps. */
function stopGroup(cluster: Cluster, group: InstanceGroup): void {
  for (const transition of group.transitions.slice()) cancelTransition(cluster.effects, transition);
  cancelLoads(cluster, group);
  for (const { source, decision } of group.deferred.splice(0)) {
    const lost: Refusal<'preempt'> = `group ${group.id} has lost a member`;
    logDecision(cluster, source, decision, lost);
  }
  stopSteps(cluster, group);
}

/** Takes back every step that is under way: some need what the failed instance had. Of its own group, or by remote attention. */
function stopSteps(cluster: Cluster, group: InstanceGroup | undefined): void {
  if (group === undefined || group.inFlight.length === 0) return;
  const freed: Instance[] = [];
  for (const batch of group.inFlight.splice(0)) {
    const member = abandon(cluster, group, batch);
    if (member !== undefined) freed.push(member);
  }
  for (const member of freed) freeStageAndStartNext(cluster, member);
  cluster.effects.wake(group);
}

/** Takes a micro-batch out of its pipeline. Returns the member that it occupied, if there was one. */
function abandon(cluster: Cluster, group: InstanceGroup, batch: StepBatch): Instance | undefined {
  batch.isAbandoned = true;
  for (const transfer of batch.transfers) cluster.effects.fabric.cancel(transfer);
  for (const request of batch.requests.slice(0, batch.size)) {
    request.numInFlight -= 1;
    request.scheduledTokens = request.computedTokens;
  }
  cluster.effects.executor.abandonBatch(batch);
  const { member } = group.pipeline[batch.stageIndex] as GroupStage;
  const slot = cluster.topology.slotOf(member);
  slot.leave(batch);
  if (slot.current !== batch) return undefined;
  // What it has computed is lost, but it has computed.
  if (slot.busyUntilUs > cluster.nowUs) {
    member.busyUs += Math.max(0, cluster.nowUs - batch.stageStartedAtUs - batch.remoteAttentionUs);
    slot.busyUntilUs = cluster.nowUs;
  }
  slot.remoteAttentionSinceStageUs = Math.max(0, slot.remoteAttentionUntilUs - cluster.nowUs);
  return member;
}

function hasKvOn({ layout, hostLayout }: Request, instance: Instance): boolean {
  return layout?.includes(instance) === true || hostLayout?.includes(instance) === true;
}

/**
 * Has a request whose KV is lost computed again. This counts as a preemption, unless it is one already that has taken its KV to
 * host memory, from where the KV has not come back.
 */
function recomputeLostKv(cluster: Cluster, request: Request): void {
  if (!isSwap(request.state)) request.numPreemptions += 1;
  recomputeElsewhere(cluster, request);
}

/**
 * Makes a survivor a group of its own, which serves once it has the whole model. Requests whose KV leaves no room for the weights
 * are computed again, the last first, and taken out of `survivingRequests`. A survivor that the whole model does not fit is shut down.
 */
function regroupSurvivor(cluster: Cluster, survivor: Instance, survivingRequests: Request[]): void {
  const bytes = modelWeightBytes(cluster.model);
  for (
    let index = survivingRequests.length - 1;
    !survivor.ledger.hasRoomForWeights(bytes) && index >= 0;
    index -= 1
  ) {
    const request = survivingRequests[index] as Request;
    if (request.layout?.includes(survivor) !== true) continue;
    survivingRequests.splice(index, 1);
    recomputeLostKv(cluster, request);
  }
  if (!survivor.ledger.hasRoomForWeights(bytes)) {
    recomputeKvOn(cluster, survivor);
    shutDown(cluster, survivor, 'the whole model does not fit a single instance');
    return;
  }
  const group = cluster.topology.addGroup([{ instance: survivor, layers: cluster.allLayers }], 'loading');
  if (survivor.state === 'draining') {
    cluster.effects.recordEvent('drainCancelled', {
      instanceId: survivor.id,
      groupId: group.id,
      detail: 'its group has failed',
    });
  }
  survivor.state = 'loading';
  cluster.effects.recordEvent('loadStarted', {
    instanceId: survivor.id,
    groupId: group.id,
    detail: 'what it lacks of the model',
  });
  loadAlone(cluster, group, 'peer', () => {
    group.pausedUntilUs = cluster.nowUs + survivor.hardware.remapUs;
    serve(cluster.effects, group, 'alone again');
  });
}

/** Puts a request that has lost its group into the group that serves where its KV is; one without KV is dispatched again. */
function assignToKvHolder(cluster: Cluster, request: Request): void {
  if (request.state.kind === 'held') return;
  const holder = (request.layout ?? request.hostLayout)?.parts[0]?.instance;
  if (holder === undefined) {
    redispatch(cluster, request);
    return;
  }
  const group = must(cluster.topology.servingGroupOn(holder), `group of instance ${holder.id}`);
  regroup(group, request, defaultExchange);
  cluster.effects.wake(group);
}
