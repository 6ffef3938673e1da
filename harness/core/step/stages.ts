import { assert } from '../../base/assert.ts';
import type { StageTiming } from '../../policy/contract.ts';
import { ownAttention, remoteAttentionOf, sendAttention } from '../kv/remote-attention.ts';
import type { Cluster } from '../state/cluster.ts';
import { eventPriority } from '../state/events.ts';
import type { GroupStage, InstanceGroup } from '../state/group.ts';
import type { Instance } from '../state/instance.ts';
import type { StepBatch } from '../state/step-batch.ts';
import { send } from '../transfers.ts';

/** Runs the micro-batch on its next stage, or queues it there: micro-batches pass a stage one at a time, in order of arrival. */
export function enterStage(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  const stage = group.pipeline[batch.stageIndex] as GroupStage;
  const slot = cluster.topology.slotOf(stage.member);
  if (slot.current !== undefined) {
    slot.queue.push({ group, batch });
    return;
  }
  batch.remote = remoteAttentionOf(batch, stage);
  const durationUs = checked(cluster.effects.executor.runStage(batch, stage));
  if (batch.numRemote > 0)
    batch.remoteUs = batch.remote.map((each) =>
      checked(cluster.effects.executor.attentionUs(batch, stage, each)),
    );
  batch.stageStartedAtUs = cluster.nowUs;
  const idleUs = cluster.nowUs - Math.max(slot.busyUntilUs, group.busySinceUs);
  assert(idleUs >= 0, 'INV-time', () => `a stage stood idle for ${idleUs} us`);
  // Attention for others that is under way comes first; what has been done since the last stage is no bubble.
  batch.remoteAttentionUs = Math.max(0, slot.remoteAttentionUntilUs - cluster.nowUs);
  batch.bubbleUs = Math.max(0, idleUs - (slot.remoteAttentionSinceStageUs - batch.remoteAttentionUs));
  slot.current = batch;
  slot.busyUntilUs = cluster.nowUs + batch.remoteAttentionUs + durationUs;
  cluster.effects.events.schedule(batch, slot.busyUntilUs, eventPriority.completion);
}

function checked(durationUs: number): number {
  assert(Number.isInteger(durationUs) && durationUs >= 1, 'INV-time', () => `a stage took ${durationUs} us`);
  return durationUs;
}

/** Ends what the stage computes itself; attention that other instances compute is still to come. */
export function endStage(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  if (batch.isAbandoned) return;
  const stage = group.pipeline[batch.stageIndex] as GroupStage;
  const { busyUntilUs } = cluster.topology.slotOf(stage.member);
  if (busyUntilUs > cluster.nowUs) {
    // It has had to compute attention for others meanwhile.
    cluster.effects.events.schedule(batch, busyUntilUs, eventPriority.completion);
    return;
  }
  recordStage(cluster, group, batch);
  if (batch.numRemote === 0) leaveStage(cluster, group, batch);
  else sendAttention(cluster, batch, stage, () => leaveStage(cluster, group, batch));
}

function leaveStage(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  const { member } = group.pipeline[batch.stageIndex] as GroupStage;
  const slot = cluster.topology.slotOf(member);
  slot.busyUntilUs = cluster.nowUs;
  slot.remoteAttentionSinceStageUs = Math.max(0, slot.remoteAttentionUntilUs - cluster.nowUs);
  if (batch.stageIndex === group.pipeline.length - 1) {
    // The stage is freed in there, after `postprocess`: requests that end have left the executor before the next micro-batch runs.
    batch.endStep();
    return;
  }
  sendActivations(cluster, group, batch);
  freeStageAndStartNext(cluster, member);
}

/** Frees the instance and starts the micro-batch that has waited longest. */
export function freeStageAndStartNext(cluster: Cluster, member: Instance): void {
  const slot = cluster.topology.slotOf(member);
  slot.current = undefined;
  const next = slot.queue.shift();
  if (next !== undefined) enterStage(cluster, next.group, next.batch);
}

function recordStage(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  const stage = group.pipeline[batch.stageIndex] as GroupStage;
  const { member } = stage;
  const durationUs = cluster.nowUs - batch.stageStartedAtUs - batch.remoteAttentionUs;
  const prefillTokens = batch.totalTokens - batch.decodeTokens;
  member.busyUs += durationUs;
  group.lastStageUs = durationUs;
  member.prefillTokens += prefillTokens;
  member.decodeTokens += batch.decodeTokens;
  cluster.effects.observer.stageEnded({
    instanceId: member.id,
    groupId: group.id,
    stageIndex: batch.stageIndex,
    numStages: group.pipeline.length,
    startedAtUs: batch.stageStartedAtUs,
    endedAtUs: cluster.nowUs,
    numRequests: batch.size,
    prefillTokens,
    decodeTokens: batch.decodeTokens,
    bubbleUs: batch.bubbleUs,
  });
  if (cluster.stack.answers('onStage')) cluster.stack.onStage(timingOf(batch, stage, durationUs));
}

/** What the stage itself has computed: attention elsewhere is no part of it. */
function timingOf(batch: StepBatch, stage: GroupStage, durationUs: number): StageTiming {
  const { attentionPairs, contextTokens } = ownAttention(batch, stage);
  return Object.freeze({
    numLayers: stage.layers.count,
    isLast: stage.isLast,
    numEntries: batch.size,
    totalTokens: batch.totalTokens,
    decodeTokens: batch.decodeTokens,
    attentionPairs,
    contextTokens,
    durationUs,
  });
}

/** The residual stream of every token of the micro-batch travels to the next member. */
function sendActivations(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  const { model } = cluster;
  const from = group.pipeline[batch.stageIndex] as GroupStage;
  const to = group.pipeline[batch.stageIndex + 1] as GroupStage;
  const movement = {
    kind: 'activations',
    source: from.instanceId,
    target: to.instanceId,
    bytes: batch.totalTokens * model.hiddenSize * model.bytesPerWeight,
    links: [from.member.links.send, to.member.links.receive],
  } as const;
  batch.transfers[0] = send(cluster.effects, movement, () => {
    batch.stageIndex += 1;
    enterStage(cluster, group, batch);
  });
}
