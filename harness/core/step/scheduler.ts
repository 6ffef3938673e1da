import { PolicyError } from '../../base/errors.ts';
import type { Limits } from '../../policy/decisions.ts';
import { addToBatch, admitWaiting, type StepBudget } from './admission.ts';
import { applyDecisions, makeRoom } from '../apply-decision.ts';
import { growMemory } from '../kv/grow-memory.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import { isRunning } from '../state/request-state.ts';
import type { StepBatch } from '../state/step-batch.ts';
import { growOrFail, isTooLarge } from './too-large.ts';

/**
 * Continuous batching. Running requests go first, in order of admission, then waiting ones, all out of one token budget; where
 * the engine gives prompts steps of their own, it is the other way round, and the first kind that there is has the step to
 * itself. Fills `batch` and takes blocks.
 */
export function schedule(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  const answer = cluster.stack.answers('onSchedule')
    ? cluster.stack.onSchedule(group, cluster.loadReports.viewFrom(group))
    : undefined;
  if (answer !== undefined) applyDecisions(cluster, 'onSchedule', answer);
  const limits = limitsOf(cluster, group);
  const budget: StepBudget = {
    limits,
    tokens: limits.maxBatchTokens,
    isUnderPressure: false,
  };
  group.forming = batch;
  const { prefill, admitsAfterPreemption } = cluster.engine;
  if (prefill === 'own-steps' && limits.admits) admitWaiting(cluster, group, batch, budget);
  if (batch.size === 0) scheduleRunning(cluster, group, batch, budget);
  const mayAdmit = limits.admits && (!budget.isUnderPressure || admitsAfterPreemption);
  if (prefill === 'chunked' && mayAdmit) admitWaiting(cluster, group, batch, budget);
  group.forming = undefined;
}

function limitsOf(cluster: Cluster, group: InstanceGroup): Limits {
  const answer = cluster.stack.answers('limits')
    ? cluster.stack.limits(group, cluster.loadReports.viewFrom(group))
    : undefined;
  return answer === undefined ? group.limits : { ...group.limits, ...answer.value };
}

function scheduleRunning(cluster: Cluster, group: InstanceGroup, batch: StepBatch, budget: StepBudget): void {
  const { running } = group;
  const overlapsChunks = budget.limits.overlapsChunks ?? cluster.engine.overlapsChunks;
  for (let index = 0; index < running.length; index += 1) {
    if (budget.tokens <= 0) return;
    const request = running[index] as Request;
    const count = Math.min(request.tokens - request.scheduledTokens, budget.tokens);
    if (count <= 0 || isStopping(group, request) || (!overlapsChunks && request.isInFlight)) continue;
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
    addToBatch(batch, request, count);
    budget.tokens -= count;
  }
}

/** Whether the request takes part in no further step, because it is about to be stopped for its migration. */
function isStopping(group: InstanceGroup, request: Request): boolean {
  return group.numMigratingOut > 0 && request.isStopping;
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
      growMemory(cluster.effects, request.layout ?? group.layout, missing);
      break;
    }
    if (isTooLarge(cluster, group, request) && !growOrFail(cluster, group, request)) return false;
    if (!isRunningIn(group, request)) return false;
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
function isRunningIn(group: InstanceGroup, { state, groupId }: Request): boolean {
  return groupId === group.id && isRunning(state);
}
