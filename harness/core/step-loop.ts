import { assert } from '../base/assert.ts';
import { PolicyError } from '../base/errors.ts';
import type { BatchView, MicroBatchPlan } from '../policy/contract.ts';
import { applyDeferred } from './apply-decision.ts';
import type { Cluster } from './cluster.ts';
import { eventPriority } from './events.ts';
import type { GroupStage, InstanceGroup } from './group.ts';
import { endIfAborted, endRequest } from './lifecycle.ts';
import { Request, requestStatus } from './request.ts';
import { schedule } from './scheduler.ts';
import { StepBatch } from './step-batch.ts';

/**
 * The step loop of a group: schedule -> execute -> postprocess, with as many micro-batches under way as the group has
 * stages. A group of one runs one step after the other.
 */
export function step(cluster: Cluster, group: InstanceGroup): void {
  while (group.numInFlight < group.pipeline.length) {
    const batch = takeBatch(cluster, group);
    schedule(cluster, group, batch);
    if (batch.size === 0) {
      group.spareBatches.push(batch);
      return;
    }
    for (const microBatch of split(cluster, group, batch)) execute(cluster, group, microBatch);
  }
}

function takeBatch(cluster: Cluster, group: InstanceGroup): StepBatch {
  const batch = group.spareBatches.pop() ?? new StepBatch(group, (ended) => endStage(cluster, ended));
  batch.reset(cluster.nextBatchId, cluster.nowUs);
  cluster.nextBatchId += 1;
  return batch;
}

function execute(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  if (group.numInFlight === 0 && cluster.nowUs > group.idleSinceUs) group.busySinceUs = cluster.nowUs;
  group.numInFlight += 1;
  enterStage(cluster, batch);
}

/** Micro-batches pass a stage one at a time, in order of arrival. */
function enterStage(cluster: Cluster, batch: StepBatch): void {
  const stage = batch.group.pipeline[batch.stageIndex] as GroupStage;
  const { member } = stage;
  if (member.isBusy) {
    member.stageQueue.push(batch);
    return;
  }
  const durationUs = cluster.executor.runStage(batch, stage);
  assert(Number.isInteger(durationUs) && durationUs >= 1, 'INV-time', () => `a stage took ${durationUs} us`);
  batch.stageStartedAtUs = cluster.nowUs;
  batch.bubbleUs = cluster.nowUs - Math.max(member.busyUntilUs, batch.group.busySinceUs);
  member.isBusy = true;
  member.busyUntilUs = cluster.nowUs + durationUs;
  cluster.events.schedule(batch, member.busyUntilUs, eventPriority.completion);
}

function endStage(cluster: Cluster, batch: StepBatch): void {
  const { group } = batch;
  const stage = group.pipeline[batch.stageIndex] as GroupStage;
  stage.member.isBusy = false;
  recordStage(cluster, batch, stage);
  const next = group.pipeline[batch.stageIndex + 1];
  if (next === undefined) postprocess(cluster, batch);
  else sendActivations(cluster, batch, { from: stage, to: next });
  const queued = stage.member.stageQueue.shift();
  if (queued !== undefined) enterStage(cluster, queued);
  if (next !== undefined) return;
  if (group.deferred.length > 0) applyDeferred(cluster, group);
  step(cluster, group);
}

function recordStage(cluster: Cluster, batch: StepBatch, stage: GroupStage): void {
  const { member } = stage;
  const prefillTokens = batch.totalTokens - batch.decodeTokens;
  member.busyUs += cluster.nowUs - batch.stageStartedAtUs;
  member.prefillTokens += prefillTokens;
  member.decodeTokens += batch.decodeTokens;
  cluster.observer.stageEnded({
    instance: member.id,
    groupId: batch.group.id,
    stageIndex: batch.stageIndex,
    startedAtUs: batch.stageStartedAtUs,
    endedAtUs: cluster.nowUs,
    numRequests: batch.size,
    prefillTokens,
    decodeTokens: batch.decodeTokens,
    bubbleUs: batch.bubbleUs,
  });
}

/** The residual stream of every token of the micro-batch travels to the next member. */
function sendActivations(
  cluster: Cluster,
  batch: StepBatch,
  hop: { from: GroupStage; to: GroupStage },
): void {
  const { model } = cluster;
  const bytes = batch.totalTokens * model.hiddenSize * model.bytesPerWeight;
  cluster.fabric.submit({
    kind: 'activations',
    bytes,
    links: [cluster.linksOf(hop.from.member).send, cluster.linksOf(hop.to.member).receive],
    onDone: ({ requestedAtUs, startedAtUs }) => {
      cluster.observer.transferEnded({
        kind: 'activations',
        requestId: undefined,
        source: hop.from.instance,
        target: hop.to.instance,
        bytes,
        requestedAtUs,
        startedAtUs: startedAtUs ?? requestedAtUs,
        endedAtUs: cluster.nowUs,
      });
      batch.stageIndex += 1;
      enterStage(cluster, batch);
    },
  });
}

function postprocess(cluster: Cluster, batch: StepBatch): void {
  const { group, size } = batch;
  group.numInFlight -= 1;
  group.idleSinceUs = cluster.nowUs;
  group.lastStepUs = cluster.nowUs - batch.startedAtUs;
  for (let index = 0; index < size; index += 1) {
    const request = batch.requests[index] as Request;
    request.numInFlight -= 1;
    request.computedTokens += batch.numTokens[index] as number;
    if (batch.samples[index] === 1) emitToken(cluster, group, request);
    if (request.isAbortWanted) endIfAborted(cluster, request);
  }
  group.spareBatches.push(batch);
}

function emitToken(cluster: Cluster, group: InstanceGroup, request: Request): void {
  const { nowUs } = cluster;
  if (request.firstTokenAtUs === undefined) request.firstTokenAtUs = nowUs;
  else {
    const gapUs = nowUs - request.lastTokenAtUs;
    if (gapUs > request.maxTokenGapUs) request.maxTokenGapUs = gapUs;
    cluster.observer.tokenGap(gapUs);
  }
  request.lastTokenAtUs = nowUs;
  request.generatedTokens += 1;
  request.tokens += 1;
  request.status = requestStatus.decoding;
  cluster.generatedTokens += 1;
  if (Request.isComplete(request)) endRequest(cluster, request, 'finished');
  else if (request.tokens > request.demandBlocks * group.blockSizeTokens) group.updateDemand(request);
}

/** Cuts a pipeline's batch into micro-batches: as a policy says, else evenly, one for each stage that is free. */
function split(cluster: Cluster, group: InstanceGroup, batch: StepBatch): readonly StepBatch[] {
  if (group.pipeline.length === 1) return [batch];
  const view = viewOf(batch);
  const answer = cluster.stack.formMicroBatches(view, group);
  const plans = answer?.value ?? evenPlans(view, group.pipeline.length - group.numInFlight);
  const problem = planProblem(batch, plans);
  if (problem !== undefined) throw new PolicyError(answer?.policy ?? 'core', 'formMicroBatches', problem);
  if (plans.length === 1) return [batch];
  const byId = new Map(batch.requests.slice(0, batch.size).map((request) => [request.id, request]));
  for (const request of byId.values()) batch.remove(request);
  group.spareBatches.push(batch);
  return plans.map((plan) => {
    const microBatch = takeBatch(cluster, group);
    for (const { requestId, numTokens } of plan.entries)
      microBatch.add(byId.get(requestId) as Request, numTokens);
    return microBatch;
  });
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
    entries.push({ request: batch.requests[index] as Request, numTokens: batch.numTokens[index] as number });
  }
  return { entries, totalTokens: batch.totalTokens };
}

/** A plan must hand out exactly the tokens of the batch, in pieces of at least one. */
function planProblem(batch: StepBatch, plans: readonly MicroBatchPlan[]): string | undefined {
  const left = new Map<number, number>();
  for (let index = 0; index < batch.size; index += 1) {
    left.set(batch.requestIds[index] as number, batch.numTokens[index] as number);
  }
  for (const { requestId, numTokens } of plans.flatMap((plan) => plan.entries)) {
    if (!Number.isInteger(numTokens) || numTokens < 1) return `request ${requestId}: ${numTokens} tokens`;
    left.set(requestId, (left.get(requestId) ?? 0) - numTokens);
  }
  const wrong = [...left].find(([, tokens]) => tokens !== 0);
  return wrong === undefined ? undefined : `request ${wrong[0]}: ${wrong[1]} tokens left over or too many`;
}
