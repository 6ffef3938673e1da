import { must } from '../base/assert.ts';
import { PolicyError } from '../base/errors.ts';
import type { Answer } from '../policy/stack.ts';
import type { DispatchDecision } from '../policy/decisions.ts';
import type { RequestStatus } from '../policy/views.ts';
import type { Cluster } from './cluster.ts';
import { logDecision } from './decision-log.ts';
import { eventPriority } from './events.ts';
import { type InstanceGroup, removeFrom } from './group.ts';
import type { EndStatus } from './observer.ts';
import { recordOf, Request, requestStatus } from './request.ts';
import { dropHostCopy, stopSwapOut } from './swap.ts';
import type { RequestSpec } from './workload.ts';

/** Pulls the planned arrivals one at a time, so that only live requests take memory. */
export function planArrivals(cluster: Cluster): void {
  const arrivals = cluster.workload.arrivals();
  const planNext = (): void => {
    const { done, value: spec } = arrivals.next();
    if (done === true || spec.arrival.kind !== 'at') return;
    cluster.events.scheduleCall(spec.arrival.timeUs, eventPriority.arrival, () => {
      planNext();
      arrive(cluster, spec);
    });
  };
  planNext();
}

function arrive(cluster: Cluster, spec: RequestSpec): void {
  const requestClass = must(cluster.classes.get(spec.className), `class ${spec.className}`);
  const request = new Request(spec, requestClass, cluster.nowUs);
  cluster.live.set(request.id, request);
  cluster.executor.admitRequest(spec);
  dispatch(cluster, request, false);
}

/** Asks where the request goes; without an answer it is held and asked about again when something has changed. */
function dispatch(cluster: Cluster, request: Request, isRetry: boolean): void {
  const answer = cluster.stack.dispatch(request, cluster.view);
  if (answer === undefined) {
    cluster.held.pushBack(request);
    return;
  }
  const error = applyDispatch(cluster, request, answer);
  // A request that goes on being held is logged once, not at every event.
  if (answer.value.kind === 'hold' && isRetry) return;
  const source = { policy: answer.policy, moment: 'dispatch', requestId: request.id };
  logDecision(cluster, source, answer.value, error);
}

/** Why the decision was refused; a refused request is held. */
function applyDispatch(
  cluster: Cluster,
  request: Request,
  answer: Answer<DispatchDecision>,
): string | undefined {
  const decision = answer.value;
  switch (decision.kind) {
    case 'dispatch': {
      const group = cluster.groups[decision.groupId];
      if (group?.acceptsRequests !== true) {
        cluster.held.pushBack(request);
        return group === undefined
          ? `there is no group ${decision.groupId}`
          : `group ${group.id} takes no requests`;
      }
      request.groupId = group.id;
      request.status = requestStatus.queued;
      group.updateDemand(request);
      group.enqueue(request, 'back');
      cluster.wake(group);
      return undefined;
    }
    case 'hold':
      cluster.held.pushBack(request);
      return undefined;
    case 'reject':
      endRequest(cluster, request, 'rejected', decision.reason);
      return undefined;
    default:
      throw new PolicyError(
        answer.policy,
        'dispatch',
        `expected { kind: 'dispatch' | 'hold' | 'reject', reason }, got ${JSON.stringify(decision)}`,
      );
  }
}

/** Held requests are asked about again once everything that happens at this time has happened. */
export function planRetry(cluster: Cluster): void {
  if (cluster.held.length === 0 || cluster.isRetryPlanned) return;
  cluster.isRetryPlanned = true;
  cluster.events.scheduleCall(cluster.nowUs, eventPriority.wake, () => {
    cluster.isRetryPlanned = false;
    retryHeld(cluster);
  });
}

/** Oldest first; what is held again stands behind the others. */
function retryHeld(cluster: Cluster): void {
  for (let left = cluster.held.length; left > 0; left -= 1) {
    dispatch(cluster, must(cluster.held.popFront(), 'held request'), true);
  }
}

/**
 * The request leaves: its memory is freed, its record written, its followers planned, its unneeded siblings cancelled.
 * A request in flight ends when its micro-batch comes back (`step-loop.ts`).
 */
export function endRequest(cluster: Cluster, request: Request, status: EndStatus, reason?: string): void {
  const group = cluster.groupOf(request);
  if (group !== undefined) leaveGroup(cluster, group, request);
  else cluster.held.remove(request);
  request.status = finalStatus(status, reason);
  cluster.live.delete(request.id);
  cluster.executor.endRequest(request.id, request.generatedTokens);
  cluster.numEnded += 1;
  cluster.observer.requestEnded(recordOf(request, status, cluster.nowUs, reason));
  if (status === 'unfinished') return;
  planFollowers(cluster, request);
  cluster.hooks.notify({ kind: 'requestEnded', requestId: request.id, groupId: request.groupId });
  if (status === 'finished') cancelUnneededBranches(cluster, request);
}

function leaveGroup(cluster: Cluster, group: InstanceGroup, request: Request): void {
  if (request.status.kind === 'queued' || request.status.kind === 'preempted') group.dequeue(request);
  else if (request.status.kind === 'swapping-out') stopSwapOut(cluster, group, request);
  else if (request.status.kind === 'swapped' || request.status.kind === 'swapping-in') {
    dropHostCopy(cluster, group, request);
  }
  removeFrom(group.running, request);
  removeFrom(group.swapped, request);
  freeKv(cluster, group, request);
  group.forget(request);
  cluster.wake(group);
}

/** Gives the request's device blocks back, in the ledger and in the executor. */
export function freeKv(cluster: Cluster, group: InstanceGroup, request: Request): void {
  if (request.kvBlocks === 0) return;
  group.giveBackBlocks(request);
  for (const { instance, layers } of group.layout.parts) {
    cluster.executor.releaseKv(request.id, layers, { instance: instance.id, tier: 'device' });
  }
}

function finalStatus(status: EndStatus, reason = ''): RequestStatus {
  if (status === 'failed' || status === 'rejected') return { kind: status, reason };
  return status === 'finished' ? requestStatus.finished : requestStatus.aborted;
}

function planFollowers(cluster: Cluster, request: Request): void {
  for (const spec of cluster.workload.followers(request.id)) {
    const delayUs = spec.arrival.kind === 'after' ? spec.arrival.delayUs : 0;
    cluster.events.scheduleCall(cluster.nowUs + delayUs, eventPriority.arrival, () => arrive(cluster, spec));
  }
}

/** Self-consistency, n of k: once enough branches of a job have finished, the client gives the others up. */
function cancelUnneededBranches(cluster: Cluster, request: Request): void {
  const { job } = Request.specOf(request);
  if (job === undefined) return;
  const numFinished = (cluster.finishedBranches.get(job.id) ?? 0) + 1;
  cluster.finishedBranches.set(job.id, numFinished);
  if (numFinished < job.needed) return;
  for (const id of job.branches) {
    const branch = cluster.live.get(id);
    if (branch !== undefined) abort(cluster, branch);
  }
}

/** Ends a request on the client's wish, at once or when what moves it has come to rest. */
function abort(cluster: Cluster, request: Request): void {
  const isMoving = request.status.kind === 'swapping-out' || request.status.kind === 'swapping-in';
  if (request.isInFlight || isMoving) request.isAbortWanted = true;
  else endRequest(cluster, request, 'aborted', 'enough branches finished');
}

/** Ends a request whose abort had to wait; whether it did. */
export function endIfAborted(cluster: Cluster, request: Request): boolean {
  if (!request.isAbortWanted || request.isInFlight || !cluster.live.has(request.id)) return false;
  endRequest(cluster, request, 'aborted', 'enough branches finished');
  return true;
}
