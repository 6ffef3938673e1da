import { removeFrom } from '../../base/lists.ts';
import type { DecisionOf, Refusal } from '../../policy/decisions.ts';
import type { Cluster } from '../cluster.ts';
import type { InstanceGroup } from '../group.ts';
import { hostProblem, swapOut } from '../kv/swap.ts';
import { computeElsewhere, loseKv } from '../lifecycle.ts';
import { type Request, requestStatus } from '../request.ts';

type Preempt = DecisionOf<'preempt'>;

/** Gives up a running request, whose blocks are free at once or when its KV is in host memory. Says why not. */
export function preempt(cluster: Cluster, { requestId, mode }: Preempt): Refusal<'preempt'> | undefined {
  const request = cluster.live.get(requestId);
  const group = request === undefined ? undefined : cluster.groupOf(request);
  if (request === undefined || group === undefined) return `there is no live request ${requestId}`;
  if (!canBeGivenUp(request, mode)) return `request ${request.id} is ${request.status.kind}, not running`;
  if (request.numInFlight > (group.forming?.countOf(request) ?? 0)) {
    return `request ${request.id} is in a step that has not come back`;
  }
  return mode === 'swap'
    ? preemptBySwap(cluster, group, request)
    : preemptByRecompute(cluster, group, request);
}

/** One whose KV is on the move can be computed again, but not be swapped. */
function canBeGivenUp({ status }: Request, mode: Preempt['mode']): boolean {
  const isRunning = status.kind === 'prefilling' || status.kind === 'decoding';
  const isMoving = status.kind === 'exchanging' || status.kind === 'migrating';
  return isRunning || (isMoving && mode === 'recompute');
}

/** Frees its KV; prompt and generated tokens become the new prompt, at the front of the queue (POLICIES 4.1). */
function preemptByRecompute(cluster: Cluster, group: InstanceGroup, request: Request): undefined {
  notePreemption(cluster, group, request);
  if (group.phase === 'retiring' || group.phase === 'draining') {
    computeElsewhere(cluster, request);
    return;
  }
  if (!removeFrom(group.running, request)) removeFrom(group.exchanging, request);
  loseKv(cluster, request);
  request.status = requestStatus.preempted;
  group.enqueue(request, 'front');
  cluster.wake(group);
}

function preemptBySwap(
  cluster: Cluster,
  group: InstanceGroup,
  request: Request,
): Refusal<'preempt'> | undefined {
  if (request.computedTokens === 0) return `request ${request.id} has no KV to swap`;
  const problem = hostProblem(cluster, request, request.layout ?? group.layout);
  if (problem !== undefined) return problem;
  notePreemption(cluster, group, request);
  swapOut(cluster, group, request);
  return undefined;
}

function notePreemption(cluster: Cluster, group: InstanceGroup, request: Request): void {
  group.forming?.remove(request);
  request.numPreemptions += 1;
  request.preemptedAtUs ??= cluster.nowUs;
}
