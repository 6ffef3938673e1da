import { must } from '../base/assert.ts';
import { PolicyError } from '../base/errors.ts';
import type { Answer } from '../policy/stack.ts';
import { type DecisionOf, type DispatchDecision, fieldsProblem, type Refusal } from '../policy/decisions.ts';
import type { PolicyEvent } from '../policy/views.ts';
import type { Cluster } from './state/cluster.ts';
import { logDecision } from './decision-log.ts';
import { requireDeclared } from './decisions/require-declared.ts';
import { eventPriority } from './state/events.ts';
import type { EndStatus } from './observer.ts';
import { Request } from './state/request.ts';
import { recordOf } from './state/request-record.ts';
import type { EndState } from './state/request-state.ts';
import { freeKv } from './kv/request-memory.ts';
import { dropSwap } from './kv/swap.ts';
import type { RequestSpec } from '../domain/workload.ts';

/** Pulls the planned arrivals one at a time, so that only live requests take memory. */
export function planArrivals(cluster: Cluster): void {
  const arrivals = cluster.requests.workload.arrivals();
  const planNext = (): void => {
    const { done, value: spec } = arrivals.next();
    if (done === true || spec.arrival.kind !== 'at') return;
    planArrival(cluster, spec, spec.arrival.timeUs, planNext);
  };
  planNext();
}

function planArrival(
  cluster: Cluster,
  spec: RequestSpec,
  timeUs: number,
  // Runs before the request arrives: the next planned arrival comes before what this one sets off at the same time.
  onDue: () => void = () => {},
): void {
  cluster.requests.numPendingArrivals += 1;
  cluster.effects.events.scheduleCall(timeUs, eventPriority.arrival, () => {
    cluster.requests.numPendingArrivals -= 1;
    onDue();
    arrive(cluster, spec);
  });
}

function arrive(cluster: Cluster, spec: RequestSpec): void {
  const requestClass = must(cluster.requests.classes.get(spec.className), `class ${spec.className}`);
  const request = new Request(spec, requestClass, cluster.effects.events);
  cluster.requests.live.set(request.id, request);
  cluster.effects.executor.addRequest(spec);
  cluster.effects.notifyPolicies({ kind: 'requestArrived', requestId: request.id });
  if (dispatch(cluster, request, false) !== 'settled') request.hold(cluster.requests.held);
}

/**
 * `settled`: it stands in a group's queue, or was rejected and has ended. `held`: it waits at the cluster. `class held`: it
 * does, and nothing of its class can be placed now.
 */
type DispatchOutcome = 'settled' | 'held' | 'class held';

/** Asks where the request goes; without an answer, or when that is refused, it is to be held until something has changed. */
function dispatch(cluster: Cluster, request: Request, isRetry: boolean): DispatchOutcome {
  const answer = cluster.stack.dispatch(request, cluster.loadReports.view);
  if (answer === undefined) return 'held';
  const { value } = answer;
  const error = applyDispatch(cluster, request, answer);
  // A request that goes on being held is logged once, not at every event.
  if (value.kind !== 'hold' || !isRetry) {
    const source = { policy: answer.policy, moment: 'dispatch', requestId: request.id } as const;
    logDecision(cluster, source, value, error);
  }
  if (value.kind === 'hold') return value.scope === 'class' ? 'class held' : 'held';
  return error === undefined ? 'settled' : 'held';
}

/** Carries out an answer to `dispatch`. Returns why it is refused, having changed nothing, or `undefined` once it is done. */
type Place<Kind extends DispatchDecision['kind']> = (
  cluster: Cluster,
  request: Request,
  decision: DecisionOf<Kind>,
) => Refusal<Kind> | undefined;

const places: { readonly [Kind in DispatchDecision['kind']]: Place<Kind> } = {
  dispatch: place,
  hold: () => undefined,
  reject(cluster, request, { reason }) {
    endRequest(cluster, request, 'rejected', reason);
    return undefined;
  },
};

/** Carries out the answer. Returns why it is refused, or `undefined`. Throws a `PolicyError` for an unknown kind. */
function applyDispatch(
  cluster: Cluster,
  request: Request,
  { policy, value: decision }: Answer<DispatchDecision>,
): string | undefined {
  if (!Object.hasOwn(places, decision.kind)) {
    const kinds = Object.keys(places).map((kind) => `'${kind}'`);
    const got = JSON.stringify(decision);
    throw new PolicyError(policy, 'dispatch', `expected { kind: ${kinds.join(' | ')}, reason }, got ${got}`);
  }
  requireDeclared(cluster.stack, { policy, moment: 'dispatch' }, decision);
  const apply = places[decision.kind] as Place<DispatchDecision['kind']>;
  return fieldsProblem(decision) ?? apply(cluster, request, decision);
}

/** Puts the request in the queue of a group: at its end, or at the front where it has been started before. */
function place(
  cluster: Cluster,
  request: Request,
  { groupId }: DecisionOf<'dispatch'>,
): Refusal<'dispatch'> | undefined {
  const group = cluster.topology.group(groupId);
  if (group === undefined) return `there is no group ${groupId}`;
  if (!group.acceptsRequests) return `group ${group.id} takes no requests`;
  request.enqueue(group);
  cluster.loadReports.sent(group);
  cluster.effects.wake(group);
  return undefined;
}

/** Takes the request's KV and its group away: it is computed again wherever it is dispatched to. */
export function recomputeElsewhere(cluster: Cluster, request: Request): void {
  loseKv(cluster, request);
  redispatch(cluster, request);
}

/** Holds a request without KV that loses its group at the cluster, to be dispatched again. */
export function redispatch(cluster: Cluster, request: Request): void {
  request.hold(cluster.requests.held);
  planRetry(cluster);
}

/** Plans to ask about held requests again, once this microsecond's completions and arrivals have happened. */
export function planRetry(cluster: Cluster): void {
  if (cluster.requests.held.length === 0 || cluster.requests.isRetryPlanned) return;
  cluster.requests.isRetryPlanned = true;
  cluster.effects.events.scheduleCall(cluster.nowUs, eventPriority.wake, () => {
    cluster.requests.isRetryPlanned = false;
    retryHeld(cluster);
  });
}

/** Asks about each held request once, those of the highest priority first, the oldest first in a class. */
export function retryHeld(cluster: Cluster): void {
  for (const queue of cluster.requests.held.queues) {
    let index = 0;
    for (let left = queue.length; left > 0; left -= 1) {
      const request = queue.at(index);
      if (request === undefined) break;
      if (dispatch(cluster, request, true) === 'class held') break;
      if (request.state.kind === 'held') index += 1;
    }
  }
}

/**
 * Ends the request: its memory is freed, its record written, its followers planned, its unneeded siblings aborted. Until the
 * run is over, the caller makes sure that the request is in no step: an abort waits until `postprocess` calls `endIfAborted`.
 */
export function endRequest(cluster: Cluster, request: Request, status: EndStatus, reason?: string): void {
  const group = cluster.topology.groupOf(request);
  if (group !== undefined) cluster.effects.wake(group);
  dropSwap(cluster, request);
  freeKv(cluster, request);
  request.end(endStateOf(status, reason));
  cluster.requests.live.delete(request.id);
  cluster.effects.executor.endRequest(request.id, request.generatedTokens);
  cluster.totals.numEnded += 1;
  cluster.totals.generatedTokens += request.generatedTokens;
  cluster.effects.observer.requestEnded(recordOf(request, { status, reason, nowUs: cluster.nowUs }));
  if (status === 'unfinished') return;
  planFollowers(cluster, request);
  cluster.effects.notifyPolicies(requestEndedEvent(request, status));
  if (status === 'finished') cancelUnneededBranches(cluster, request);
}

function requestEndedEvent(request: Request, status: EndStatus): PolicyEvent {
  const { id, groupId, className, promptTokens, generatedTokens, firstTokenAtUs, arrivedAtUs } = request;
  return {
    kind: 'requestEnded',
    requestId: id,
    groupId,
    className,
    isFinished: status === 'finished',
    promptTokens,
    generatedTokens,
    ttftUs: firstTokenAtUs === undefined ? undefined : firstTokenAtUs - arrivedAtUs,
  };
}

/**
 * Takes everything of a request's KV away: on devices, in host memory, on its way. A migration of the request is aborted, and
 * every group that shares the memory is woken. The request's state is the caller's to change.
 */
export function loseKv(cluster: Cluster, request: Request): void {
  dropSwap(cluster, request);
  freeKv(cluster, request);
  request.computedTokens = 0;
  request.scheduledTokens = 0;
}

function endStateOf(status: EndStatus, reason = ''): EndState {
  if (status === 'failed' || status === 'rejected') return { kind: status, reason };
  return { kind: status === 'finished' ? 'finished' : 'aborted' };
}

function planFollowers(cluster: Cluster, request: Request): void {
  for (const spec of cluster.requests.workload.followers(request.id)) {
    const delayUs = spec.arrival.kind === 'after' ? spec.arrival.delayUs : 0;
    planArrival(cluster, spec, cluster.nowUs + delayUs);
  }
}

/** Self-consistency, n of k: once enough branches of a job have finished, the client gives the others up. */
function cancelUnneededBranches(cluster: Cluster, request: Request): void {
  const { job } = Request.specOf(request);
  if (job === undefined) return;
  const numFinished = (cluster.requests.finishedBranches.get(job.id) ?? 0) + 1;
  cluster.requests.finishedBranches.set(job.id, numFinished);
  if (numFinished < job.needed) return;
  for (const id of job.branches) {
    const branch = cluster.requests.live.get(id);
    if (branch !== undefined) abort(cluster, branch);
  }
}

/** Ends a request on the client's wish, at once or when its step has come back. */
function abort(cluster: Cluster, request: Request): void {
  if (request.isInFlight) request.isAbortWanted = true;
  else endRequest(cluster, request, 'aborted', 'enough branches finished');
}

/** Ends a request whose abort had to wait for its steps. */
export function endIfAborted(cluster: Cluster, request: Request): void {
  if (!request.isAbortWanted || request.isInFlight || !cluster.requests.live.has(request.id)) return;
  endRequest(cluster, request, 'aborted', 'enough branches finished');
}
