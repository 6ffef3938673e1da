import { PolicyError } from '../../base/errors.ts';
import type { RequestId } from '../../domain/ids.ts';
import type { BatchView, MicroBatchPlan } from '../../policy/contract.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import type { StepBatch } from '../state/step-batch.ts';

/** Cuts a pipeline's batch into micro-batches: as a policy says, else evenly, one for each stage that is free. `takeBatch` gives empty ones. */
export function toMicroBatches(
  cluster: Cluster,
  group: InstanceGroup,
  batch: StepBatch,
  takeBatch: (cluster: Cluster, group: InstanceGroup) => StepBatch,
): readonly StepBatch[] {
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
  const left = new Map<RequestId, number>();
  for (let index = 0; index < batch.size; index += 1) {
    left.set(batch.requestIds[index] as RequestId, batch.numTokens[index] as number);
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
