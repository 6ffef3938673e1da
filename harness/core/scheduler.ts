import { PolicyError } from '../base/errors.ts';
import type { Limits } from '../policy/decisions.ts';
import { applyDecisions, makeRoom } from './apply-decision.ts';
import type { Cluster } from './cluster.ts';
import type { InstanceGroup } from './group.ts';
import { endRequest } from './lifecycle.ts';
import { type Request, requestStatus } from './request.ts';
import { endPreemption } from './kv/stall.ts';
import type { StepBatch } from './step-batch.ts';

/** What is left to give in the step that is being formed. */
interface StepBudget {
  readonly limits: Limits;
  tokens: number;
  isUnderPressure: boolean;
}

/**
 * Continuous batching with chunked prefill in vLLM V1's order: running requests first, in order of admission, then
 * waiting ones, all out of one token budget; no admission in a step that ran out of memory. Fills `batch` and takes blocks.
 */
export function schedule(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  const answer = cluster.stack.answers('onSchedule')
    ? cluster.stack.onSchedule(group, cluster.view)
    : undefined;
  if (answer !== undefined) applyDecisions(cluster, 'onSchedule', answer);
  const limits = limitsOf(cluster, group);
  const budget: StepBudget = {
    limits,
    tokens: limits.maxBatchTokens,
    isUnderPressure: false,
  };
  group.forming = batch;
  scheduleRunning(cluster, group, batch, budget);
  if (!budget.isUnderPressure && limits.admits) admitWaiting(cluster, group, batch, budget);
  group.forming = undefined;
}

function limitsOf(cluster: Cluster, group: InstanceGroup): Limits {
  const answer = cluster.stack.answers('limits') ? cluster.stack.limits(group, cluster.view) : undefined;
  return answer === undefined ? group.limits : { ...group.limits, ...answer.value };
}

function scheduleRunning(cluster: Cluster, group: InstanceGroup, batch: StepBatch, budget: StepBudget): void {
  const { running } = group;
  for (let index = 0; index < running.length; index += 1) {
    if (budget.tokens <= 0) return;
    const request = running[index] as Request;
    const count = Math.min(request.tokens - request.scheduledTokens, budget.tokens);
    if (count <= 0 || request.isStopping) continue;
    if (request.scheduledTokens + count > request.kvBlocks * group.blockSizeTokens) {
      const hasBlocks = reserveBlocks(cluster, group, request, {
        tokens: request.scheduledTokens + count,
        budget,
      });
      // Giving requests up may have moved this one, or taken it out: go on behind it, or with what stands in its place.
      if (running[index] !== request)
        index = isRunningIn(group, request) ? running.indexOf(request) : index - 1;
      if (!hasBlocks) continue;
    }
    addToBatch(cluster, batch, request, count);
    budget.tokens -= count;
  }
}

function addToBatch(cluster: Cluster, batch: StepBatch, request: Request, count: number): void {
  endPreemption(request, cluster.nowUs);
  batch.add(request, count);
}

/**
 * Blocks for the request's first `tokens` tokens, asking the policies to make room while there is not enough. False when
 * there is still too little, or when the request itself has been given up.
 */
function reserveBlocks(
  cluster: Cluster,
  group: InstanceGroup,
  request: Request,
  { tokens, budget }: { tokens: number; budget: StepBudget },
): boolean {
  // More answers than there are requests to give up cannot be progress.
  let answersLeft = group.running.length + 8;
  for (let missing = missingBlocks(group, request, tokens); missing > 0; ) {
    if (cluster.stack.can('unlimitedMemory')) {
      cluster.growMemory(request.layout ?? group.layout, missing);
      break;
    }
    if (cannotEverFit(cluster, group, request) || !isRunningIn(group, request)) return false;
    budget.isUnderPressure = true;
    const policy = makeRoom(cluster, group, { requestId: request.id, blocks: missing });
    if (policy === undefined) return false;
    if (!isRunningIn(group, request)) return false;
    missing = missingBlocks(group, request, tokens);
    answersLeft -= 1;
    if (answersLeft === 0) {
      throw new PolicyError(
        policy,
        'onMemoryPressure',
        'its decisions were applied again and again, but free nothing',
      );
    }
  }
  request.takeBlocks(group.layout, group.blocksFor(tokens) - request.kvBlocks);
  return true;
}

function missingBlocks(group: InstanceGroup, request: Request, tokens: number): number {
  return group.blocksFor(tokens) - request.kvBlocks - group.freeBlocksFor(request);
}

/** Whether the request is still one of the group's that run: a policy may have given it up or moved it. */
function isRunningIn(group: InstanceGroup, { status, groupId }: Request): boolean {
  return groupId === group.id && (status.kind === 'prefilling' || status.kind === 'decoding');
}

/**
 * A request larger than the whole group would be given up and started again for ever: it fails instead, unless a policy
 * merges the group into a larger one.
 */
function cannotEverFit(cluster: Cluster, group: InstanceGroup, request: Request): boolean {
  const needed = group.blocksFor(request.tokens);
  const { totalBlocks } = request.layout ?? group.layout;
  if (needed <= totalBlocks || request.isInFlight || willGrow(cluster, group, request)) return false;
  // The answer was to move it to where it fits, perhaps.
  if (request.groupId !== group.id) return true;
  endRequest(cluster, request, 'failed', `needs ${needed} KV blocks, its group has ${totalBlocks}`);
  return true;
}

function willGrow(cluster: Cluster, group: InstanceGroup, request: Request): boolean {
  if (group.isChanging) return true;
  if (!cluster.stack.can('dropsParameters')) return false;
  const need = { requestId: request.id, blocks: group.blocksFor(request.tokens) - request.kvBlocks };
  for (const answer of cluster.stack.onMemoryPressure(group, need, cluster.view)) {
    if (!answer.value.some(({ kind }) => kind === 'drop' || kind === 'cancelRestore')) continue;
    if (applyDecisions(cluster, 'onMemoryPressure', answer) > 0) break;
  }
  return group.isChanging || group.blocksFor(request.tokens) <= group.totalBlocks;
}

function admitWaiting(cluster: Cluster, group: InstanceGroup, batch: StepBatch, budget: StepBudget): void {
  if (group.waiting.length === 0) return;
  if (cluster.stack.answers('order')) reorder(cluster, group);
  const { limits } = budget;
  for (;;) {
    const request = group.waiting.at(0);
    if (request === undefined || budget.tokens <= 0) return;
    if (group.numAdmitted >= limits.maxRunning) {
      group.counters.numCappedSteps += 1;
      return;
    }
    const count = Math.min(request.tokens, budget.tokens);
    const blocks = group.blocksFor(count);
    if (!cluster.stack.can('unlimitedMemory') && cannotEverFit(cluster, group, request)) continue;
    if (group.waiting.at(0) !== request) continue;
    if (!hasRoomFor(cluster, group, blocks, limits)) return;
    group.dequeue(request);
    request.takeBlocks(group.layout, blocks);
    group.running.push(request);
    request.status = requestStatus.prefilling;
    request.firstScheduledAtUs ??= cluster.nowUs;
    addToBatch(cluster, batch, request, count);
    budget.tokens -= count;
  }
}

/** The watermark keeps a share of the blocks for the growth of running requests; an empty group needs none. */
function hasRoomFor(cluster: Cluster, group: InstanceGroup, blocks: number, limits: Limits): boolean {
  const isEmpty = group.running.length === 0;
  const watermarkBlocks = isEmpty ? 0 : Math.floor(limits.watermarkRatio * group.totalBlocks);
  const missing = blocks + watermarkBlocks - group.freeBlocks;
  if (missing <= 0) return true;
  if (!cluster.stack.can('unlimitedMemory')) return false;
  cluster.growMemory(group.layout, missing);
  return hasRoomFor(cluster, group, blocks, limits);
}

/** Puts the waiting queue in the policy's order; requests that it does not name keep their order behind the others. */
function reorder(cluster: Cluster, group: InstanceGroup): void {
  const answer = cluster.stack.order(group, cluster.view);
  if (answer === undefined) return;
  const rank = new Map(answer.value.map((id, index) => [id, index]));
  const rankOf = (request: Request): number => rank.get(request.id) ?? rank.size;
  group.waiting.replaceAll([...group.waiting].toSorted((a, b) => rankOf(a) - rankOf(b)));
}
