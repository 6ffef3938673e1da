import { assert } from '../base/assert.ts';
import { removeFrom } from '../base/lists.ts';
import { PolicyError } from '../base/errors.ts';
import type { BatchView, MicroBatchPlan, StageTiming } from '../policy/contract.ts';
import { applyDeferred } from './apply-decision.ts';
import type { Cluster } from './state/cluster.ts';
import { eventPriority } from './state/events.ts';
import { advanceExchange, makeRoomForExchange } from './kv/exchange.ts';
import type { GroupStage, InstanceGroup } from './state/group.ts';
import { releaseIfEmpty } from './groups/drain.ts';
import type { Instance } from './state/instance.ts';
import { endIfAborted, endRequest } from './lifecycle.ts';
import { stopIfBack } from './kv/migrate.ts';
import { ownAttention, remoteAttentionOf, sendAttention } from './kv/remote-attention.ts';
import { wakeGroupsOn } from './kv/request-memory.ts';
import { Request } from './state/request.ts';
import { schedule } from './scheduler.ts';
import { StepBatch } from './state/step-batch.ts';
import { send } from './transfers.ts';
import { applyWhenIdle } from './groups/transition.ts';

/**
 * The step loop of a group: schedule -> execute -> postprocess, with as many micro-batches under way as the group has
 * stages. A group of one runs one step after the other.
 */
export function step(cluster: Cluster, group: InstanceGroup): void {
  if (!canStep(cluster, group)) return;
  if (group.stalled.length > 0 || group.retirement !== undefined) advanceExchange(cluster, group);
  while (!group.isChanging && group.inFlight.length < group.pipeline.length) {
    const batch = takeBatch(cluster, group);
    schedule(cluster, group, batch);
    if (batch.size === 0) {
      group.spareBatches.push(batch);
      break;
    }
    for (const microBatch of toMicroBatches(cluster, group, batch)) execute(cluster, group, microBatch);
  }
  if (group.inFlight.length > 0) return;
  cluster.reports.idle(group);
  changeWhenIdle(cluster, group);
}

/** Nothing of the group is being computed: what has waited for that can happen. */
function changeWhenIdle(cluster: Cluster, group: InstanceGroup): void {
  if (group.isChanging) applyWhenIdle(group);
  else if (group.phase === 'retiring' && group.numRequests === 0) retire(cluster, group);
  else if (group.phase === 'draining' && group.numRequests === 0) releaseIfEmpty(cluster, group);
  else makeRoomForExchange(cluster, group);
}

/** A group that has been split has served its last request. */
function retire(cluster: Cluster, group: InstanceGroup): void {
  cluster.removeGroup(group);
  cluster.note('groupRetired', { groupId: group.id, detail: 'its last request has left' });
  // An instance that drains may wait for this.
  wakeGroupsOn(cluster, group.layout);
}

function canStep(cluster: Cluster, group: InstanceGroup): boolean {
  if (group.isChanging) {
    applyWhenIdle(group);
    return false;
  }
  if (group.isGone || group.phase === 'loading') return false;
  if (group.pausedUntilUs <= cluster.nowUs) return true;
  cluster.wake(group);
  return false;
}

function takeBatch(cluster: Cluster, group: InstanceGroup): StepBatch {
  const batch = group.spareBatches.pop() ?? new StepBatch(group, (ended) => endStage(cluster, ended));
  batch.reset(cluster.nextBatchId, cluster.nowUs);
  cluster.nextBatchId += 1;
  return batch;
}

function execute(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  if (group.inFlight.length === 0 && cluster.nowUs > group.idleSinceUs) group.busySinceUs = cluster.nowUs;
  group.inFlight.push(batch);
  group.counters.numSteps += 1;
  cluster.reports.stepBegun(group, batch);
  enterStage(cluster, batch);
}

/** Micro-batches pass a stage one at a time, in order of arrival. */
function enterStage(cluster: Cluster, batch: StepBatch): void {
  const stage = batch.group.pipeline[batch.stageIndex] as GroupStage;
  const { member } = stage;
  if (member.current !== undefined) {
    member.stageQueue.push(batch);
    return;
  }
  batch.remote = remoteAttentionOf(batch, stage);
  const durationUs = checked(cluster.executor.runStage(batch, stage));
  if (batch.numRemote > 0)
    batch.remoteUs = batch.remote.map((each) => checked(cluster.executor.attentionUs(batch, stage, each)));
  batch.stageStartedAtUs = cluster.nowUs;
  const idleUs = cluster.nowUs - Math.max(member.busyUntilUs, batch.group.busySinceUs);
  assert(idleUs >= 0, 'INV-time', () => `a stage stood idle for ${idleUs} us`);
  // Attention for others that is under way comes first; what has been done since the last stage is no bubble.
  batch.stolenUs = Math.max(0, member.attendsUntilUs - cluster.nowUs);
  batch.bubbleUs = Math.max(0, idleUs - (member.attendedUs - batch.stolenUs));
  member.current = batch;
  member.busyUntilUs = cluster.nowUs + batch.stolenUs + durationUs;
  cluster.events.schedule(batch, member.busyUntilUs, eventPriority.completion);
}

function checked(durationUs: number): number {
  assert(Number.isInteger(durationUs) && durationUs >= 1, 'INV-time', () => `a stage took ${durationUs} us`);
  return durationUs;
}

/** The stage is computed; attention that other instances compute is still to come. */
function endStage(cluster: Cluster, batch: StepBatch): void {
  if (batch.isAbandoned) return;
  const stage = batch.group.pipeline[batch.stageIndex] as GroupStage;
  const { busyUntilUs } = stage.member;
  if (busyUntilUs > cluster.nowUs) {
    // It has had to compute attention for others meanwhile.
    cluster.events.schedule(batch, busyUntilUs, eventPriority.completion);
    return;
  }
  recordStage(cluster, batch, stage);
  if (batch.numRemote === 0) leaveStage(cluster, batch, stage);
  else sendAttention(cluster, batch, stage, () => leaveStage(cluster, batch, stage));
}

function leaveStage(cluster: Cluster, batch: StepBatch, stage: GroupStage): void {
  const { group } = batch;
  const next = group.pipeline[batch.stageIndex + 1];
  stage.member.busyUntilUs = cluster.nowUs;
  stage.member.attendedUs = Math.max(0, stage.member.attendsUntilUs - cluster.nowUs);
  if (next === undefined) postprocess(cluster, batch);
  else sendActivations(cluster, batch, { from: stage, to: next });
  takeNextBatch(cluster, stage.member);
  if (next !== undefined) return;
  if (group.deferred.length > 0) applyDeferred(cluster, group);
  step(cluster, group);
}

/** The instance is free for the micro-batch that waits for it longest. */
export function takeNextBatch(cluster: Cluster, member: Instance): void {
  member.current = undefined;
  const queued = member.stageQueue.shift();
  if (queued !== undefined) enterStage(cluster, queued);
}

function recordStage(cluster: Cluster, batch: StepBatch, stage: GroupStage): void {
  const { member } = stage;
  const durationUs = cluster.nowUs - batch.stageStartedAtUs - batch.stolenUs;
  const prefillTokens = batch.totalTokens - batch.decodeTokens;
  member.busyUs += durationUs;
  batch.group.lastStageUs = durationUs;
  member.prefillTokens += prefillTokens;
  member.decodeTokens += batch.decodeTokens;
  cluster.observer.stageEnded({
    instance: member.id,
    groupId: batch.group.id,
    stageIndex: batch.stageIndex,
    numStages: batch.group.pipeline.length,
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
function sendActivations(
  cluster: Cluster,
  batch: StepBatch,
  hop: { from: GroupStage; to: GroupStage },
): void {
  const { model } = cluster;
  const movement = {
    kind: 'activations',
    source: hop.from.instance,
    target: hop.to.instance,
    bytes: batch.totalTokens * model.hiddenSize * model.bytesPerWeight,
    links: [hop.from.member.links.send, hop.to.member.links.receive],
  } as const;
  batch.transfers[0] = send(cluster, movement, () => {
    batch.stageIndex += 1;
    enterStage(cluster, batch);
  });
}

function postprocess(cluster: Cluster, batch: StepBatch): void {
  const { group, size } = batch;
  removeFrom(group.inFlight, batch);
  group.idleSinceUs = cluster.nowUs;
  group.lastStepUs = cluster.nowUs - batch.startedAtUs;
  cluster.reports.stepEnded(group, batch);
  for (let index = 0; index < size; index += 1) {
    const request = batch.requests[index] as Request;
    request.numInFlight -= 1;
    request.computedTokens += batch.numTokens[index] as number;
    if (batch.samples[index] === 1) emitToken(cluster, group, request);
    if (request.isAbortWanted) endIfAborted(cluster, request);
    stopIfBack(cluster, request);
  }
  group.spareBatches.push(batch);
}

function emitToken(cluster: Cluster, group: InstanceGroup, request: Request): void {
  const { nowUs } = cluster;
  const { counters } = group;
  counters.generatedTokens += 1;
  if (request.firstTokenAtUs === undefined) request.firstTokenAtUs = nowUs;
  else {
    const gapUs = nowUs - request.lastTokenAtUs;
    if (gapUs > request.maxTokenGapUs) request.maxTokenGapUs = gapUs;
    cluster.observer.tokenGap(gapUs);
    counters.numTokenGaps += 1;
    counters.tokenGapSumUs += gapUs;
  }
  request.lastTokenAtUs = nowUs;
  request.generatedTokens += 1;
  request.tokens += 1;
  if (request.status.kind !== 'decoding') request.decode();
  cluster.generatedTokens += 1;
  if (Request.isComplete(request)) endRequest(cluster, request, 'finished');
  else if (request.tokens > request.demandBlocks * group.blockSizeTokens) group.updateDemand(request);
}

/** Cuts a pipeline's batch into micro-batches: as a policy says, else evenly, one for each stage that is free. */
function toMicroBatches(cluster: Cluster, group: InstanceGroup, batch: StepBatch): readonly StepBatch[] {
  if (group.pipeline.length === 1) return [batch];
  const view = viewOf(batch);
  const answer = cluster.stack.formMicroBatches(view, group);
  const plans = answer?.value ?? evenPlans(view, numEvenBatches(group, batch));
  const problem = planProblem(batch, plans);
  if (problem !== undefined) throw new PolicyError(answer?.policy ?? 'core', 'formMicroBatches', problem);
  if (plans.length === 1) return [batch];
  const byId = new Map(batch.requests.slice(0, batch.size).map((request) => [request.id, request]));
  batch.clear();
  group.spareBatches.push(batch);
  return plans.map((plan) => {
    const microBatch = takeBatch(cluster, group);
    for (const { requestId, numTokens } of plan.entries)
      microBatch.add(byId.get(requestId) as Request, numTokens);
    return microBatch;
  });
}

/**
 * One for each stage that is free; more where most of the running requests stand in this batch, which in a single
 * micro-batch would leave all stages but one idle from then on.
 */
function numEvenBatches({ pipeline, inFlight, running }: InstanceGroup, batch: StepBatch): number {
  const numFree = pipeline.length - inFlight.length;
  return Math.max(numFree, Math.round((batch.size * pipeline.length) / Math.max(1, running.length)));
}

/** Requests in order, as many to each micro-batch; their tokens stay together. */
function evenPlans({ entries }: BatchView, numPlans: number): MicroBatchPlan[] {
  const size = Math.ceil(entries.length / numPlans);
  const plans: MicroBatchPlan[] = [];
  for (let first = 0; first < entries.length; first += size) {
    const part = entries.slice(first, first + size);
    plans.push({ entries: part.map(({ request, numTokens }) => ({ requestId: request.id, numTokens })) });
  }
  return plans;
}

function viewOf(batch: StepBatch): BatchView {
  const entries = [];
  for (let index = 0; index < batch.size; index += 1) {
    entries.push({
      request: batch.requests[index] as Request,
      numTokens: batch.numTokens[index] as number,
      pastTokens: batch.pastTokens[index] as number,
    });
  }
  return { entries, totalTokens: batch.totalTokens };
}

/** A plan must hand out exactly the tokens of the batch, in pieces of at least one. */
function planProblem(batch: StepBatch, plans: readonly MicroBatchPlan[]): string | undefined {
  const left = new Map<number, number>();
  for (let index = 0; index < batch.size; index += 1) {
    left.set(batch.requestIds[index] as number, batch.numTokens[index] as number);
  }
  for (const { entries } of plans) {
    for (const { requestId, numTokens } of entries) {
      if (!Number.isInteger(numTokens) || numTokens < 1) return `request ${requestId}: ${numTokens} tokens`;
      left.set(requestId, (left.get(requestId) ?? 0) - numTokens);
    }
  }
  for (const [requestId, tokens] of left) {
    if (tokens !== 0) return `request ${requestId}: ${tokens} tokens left over or too many`;
  }
  return undefined;
}
