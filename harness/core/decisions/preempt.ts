import type { DecisionOf, Refusal } from '../../policy/decisions.ts';
import { hostProblem, swapOut } from '../kv/swap.ts';
import { recomputeElsewhere, loseKv } from '../lifecycle.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import { isRunning, isStalled } from '../state/request-state.ts';

type Preempt = DecisionOf<'preempt'>;

/**
 * Gives up a running request, whose blocks are free at once or when its KV is in host memory. Returns why it is refused,
 * having changed nothing, or `undefined`.
 */
export function preempt(cluster: Cluster, { requestId, mode }: Preempt): Refusal<'preempt'> | undefined {
  const request = cluster.requests.live.get(requestId);
  const group = request === undefined ? undefined : cluster.topology.groupOf(request);
  if (request === undefined || group === undefined) return `there is no live request ${requestId}`;
  if (!canBeGivenUp(request, mode)) return `request ${request.id} is ${request.state.kind}, not running`;
  if (request.numInFlight > (group.forming?.countOf(request) ?? 0)) {
    return `request ${request.id} is in a step that has not come back`;
  }
  return mode === 'swap'
    ? preemptBySwap(cluster, group, request)
    : preemptByRecompute(cluster, group, request);
}

/** One whose KV is on the move can be computed again, but not be swapped. */
function canBeGivenUp({ state }: Request, mode: Preempt['mode']): boolean {
  return isRunning(state) || (isStalled(state) && mode === 'recompute');
}

/** Frees its KV; prompt and generated tokens become the new prompt, at the front of the queue (POLICIES 4.1). */
function preemptByRecompute(cluster: Cluster, group: InstanceGroup, request: Request): undefined {
  countPreemption(group, request);
  if (group.phase === 'retiring' || group.phase === 'draining') {
    recomputeElsewhere(cluster, request);
    return;
  }
  loseKv(cluster, request);
  request.preempt();
  cluster.effects.wake(group);
}

function preemptBySwap(
  cluster: Cluster,
  group: InstanceGroup,
  request: Request,
): Refusal<'preempt'> | undefined {
  if (request.computedTokens === 0) return `request ${request.id} has no KV to swap`;
  const problem = hostProblem(cluster, request, request.layout ?? group.layout);
  if (problem !== undefined) return problem;
  countPreemption(group, request);
  swapOut(cluster, request);
  return undefined;
}

/**
 * Counts every time that a request gives up blocks on a device, as vLLM does (`num_cumulative_preemption` of V0,
 * `num_preemptions` of V1), also where it has been in no step since it came back from host memory.
 */
function countPreemption(group: InstanceGroup, request: Request): void {
  group.forming?.remove(request);
  request.numPreemptions += 1;
}
