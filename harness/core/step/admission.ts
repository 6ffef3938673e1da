import type { Limits } from '../../policy/decisions.ts';
import { growMemory } from '../kv/grow-memory.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import type { StepBatch } from '../state/step-batch.ts';
import { growOrFail, isTooLarge } from './too-large.ts';

/** What is left to give in the step that is being formed. */
export interface StepBudget {
  readonly limits: Limits;
  tokens: number;
  isUnderPressure: boolean;
}

/** Admits waiting requests in order, as far as tokens, places and memory go. */
export function admitWaiting(
  cluster: Cluster,
  group: InstanceGroup,
  batch: StepBatch,
  budget: StepBudget,
): void {
  if (group.waiting.length === 0) return;
  if (cluster.stack.answers('order')) reorder(cluster, group);
  const { limits } = budget;
  const index = budget.isUnderPressure ? numJustPreempted(cluster, group) : 0;
  for (;;) {
    const request = group.waiting.at(index);
    if (request === undefined) return;
    const count = firstTokens(cluster, request, batch, budget);
    if (count <= 0) return;
    if (isFull(group, limits)) {
      group.counters.numCappedSteps += 1;
      return;
    }
    if (isTooLarge(cluster, group, request) && !growOrFail(cluster, group, request)) continue;
    if (group.waiting.at(index) !== request) continue;
    if (!makeRoomFor(cluster, group, blocksToAdmit(cluster, group, request, count), limits)) return;
    admit(cluster, group, request, count);
    addToBatch(batch, request, count);
    budget.tokens -= count;
  }
}

/** Whether as many requests run as may. */
function isFull({ numAdmitted }: InstanceGroup, { maxRunning }: Limits): boolean {
  return numAdmitted >= maxRunning;
}

/** Requests at the front of the queue that this very step has preempted: they rejoin it when the step has been formed. */
function numJustPreempted({ nowUs }: Cluster, { waiting }: InstanceGroup): number {
  let count = 0;
  while (waiting.at(count)?.preemptedAtUs === nowUs) count += 1;
  return count;
}

/** How many tokens the step can begin with; where prompts are computed whole, one that is larger than the budget has a step to itself. */
function firstTokens({ engine }: Cluster, request: Request, batch: StepBatch, budget: StepBudget): number {
  if (engine.prefill === 'chunked') return Math.min(request.tokens, budget.tokens);
  return request.tokens <= budget.tokens || batch.size === 0 ? request.tokens : 0;
}

/** Blocks that must be free: for the whole request, although it may take them chunk by chunk, or for its first chunk. */
function blocksToAdmit({ engine }: Cluster, group: InstanceGroup, request: Request, count: number): number {
  return group.blocksFor(engine.admission === 'whole-prompt' ? request.tokens : count);
}

function admit({ engine }: Cluster, group: InstanceGroup, request: Request, count: number): void {
  const taken = engine.promptBlocks === 'at-admission' ? request.tokens : count;
  request.takeBlocks(group.layout, group.blocksFor(taken));
  request.admit();
}

/** Memory without limit grows until so many blocks fit; whether they do. */
function makeRoomFor(cluster: Cluster, group: InstanceGroup, blocks: number, limits: Limits): boolean {
  for (;;) {
    const missing = missingBlocks(group, blocks, limits);
    if (missing <= 0) return true;
    if (!cluster.stack.can('unlimitedMemory')) return false;
    growMemory(cluster.effects, group.layout, missing);
  }
}

/** The watermark keeps a share of the blocks for the growth of running requests; an empty group needs none. */
function missingBlocks(group: InstanceGroup, blocks: number, { watermarkRatio }: Limits): number {
  const isEmpty = group.running.length === 0;
  const watermarkBlocks = isEmpty ? 0 : Math.floor(watermarkRatio * group.totalBlocks);
  return blocks + watermarkBlocks - group.freeBlocks;
}

/** Puts the waiting queue in the policy's order; requests that it does not name keep their order behind the others. */
function reorder(cluster: Cluster, group: InstanceGroup): void {
  const answer = cluster.stack.order(group, cluster.loadReports.viewFrom(group));
  if (answer === undefined) return;
  const rank = new Map(answer.value.map((id, index) => [id, index]));
  const rankOf = (request: Request): number => rank.get(request.id) ?? rank.size;
  group.sortWaiting((a, b) => rankOf(a) - rankOf(b));
}

/** The request computes its next `count` tokens in this step; their blocks have been taken. */
export function addToBatch(batch: StepBatch, request: Request, count: number): void {
  request.endPreemption();
  batch.add(request, count);
}
