import { PolicyError } from '../base/errors.ts';
import type {
  Decision,
  DispatchDecision,
  Limits,
  MigrateDecision,
  PreemptDecision,
  SetLimitsDecision,
  SwapInDecision,
  WaitDecision,
} from '../policy/decisions.ts';
import { limitsProblem } from '../policy/check-answer.ts';
import type { Answer } from '../policy/stack.ts';
import type { MemoryNeed } from '../policy/views.ts';
import { growMemory } from './kv/grow-memory.ts';
import type { Cluster } from './state/cluster.ts';
import { logDecision } from './decision-log.ts';
import type { DecisionSource } from './state/decision-source.ts';
import { cancelDrain, drain, setRole } from './groups/drain.ts';
import { drop } from './groups/drop.ts';
import type { InstanceGroup } from './state/group.ts';
import { computeElsewhere, loseKv } from './lifecycle.ts';
import type { Request } from './state/request.ts';
import { isRunning, isStalled } from './state/request-state.ts';
import { cancelRestore, restore } from './groups/restore.ts';
import { scaleUp } from './groups/start.ts';
import { migrate } from './kv/migrate.ts';
import { hostProblem, swapIn, swapOut } from './kv/swap.ts';

/** Checks, applies and logs each decision of an answer; how many were applied. */
export function applyDecisions(
  cluster: Cluster,
  moment: string,
  answer: Answer<readonly Decision[]>,
): number {
  let numApplied = 0;
  for (const decision of answer.value) {
    const source = { policy: answer.policy, moment };
    checkShape(source, decision);
    if (decision.kind === 'wait' && moment === 'onMemoryPressure') continue;
    if (mustComeBackFirst(cluster, source, decision)) continue;
    const error = apply(cluster, source, decision);
    logDecision(cluster, source, decision, error);
    if (error === undefined) numApplied += 1;
  }
  return numApplied;
}

/**
 * Asks the policies in turn to make room until one of them has done something or says to wait; the one that has.
 */
export function makeRoom(cluster: Cluster, group: InstanceGroup, need: MemoryNeed): string | undefined {
  for (const answer of cluster.stack.onMemoryPressure(group, need, cluster.reports.viewFrom(group))) {
    if (applyDecisions(cluster, 'onMemoryPressure', answer) > 0) return answer.policy;
    if (answer.value.some(({ kind }) => kind === 'wait')) return undefined;
  }
  return undefined;
}

/**
 * Between steps nearly every running request is in a micro-batch. A decision to give one up is then kept and carried
 * out when it comes back; under memory pressure it has to be now or not at all.
 */
function mustComeBackFirst(cluster: Cluster, source: DecisionSource, decision: Decision): boolean {
  if (decision.kind !== 'preempt' || source.moment === 'onMemoryPressure') return false;
  const request = cluster.requests.live.get(decision.requestId);
  const group = request === undefined ? undefined : cluster.topology.groupOf(request);
  if (request === undefined || group === undefined || !request.isInFlight) return false;
  group.deferred.push({ source, decision });
  return true;
}

/** Carries out what waited for requests that have come back; called when a micro-batch has. */
export function applyDeferred(cluster: Cluster, group: InstanceGroup): void {
  const deferred = group.deferred.splice(0);
  for (const { source, decision } of deferred) {
    if (mustComeBackFirst(cluster, source, decision)) continue;
    logDecision(cluster, source, decision, apply(cluster, source, decision));
  }
}

/** Nonsense fails the cell: a decision that cannot even be read is a bug of the policy, not a refused wish. */
function checkShape(source: DecisionSource, decision: Decision): void {
  const isReadable = typeof decision === 'object' && decision !== null && typeof decision.reason === 'string';
  if (isReadable) return;
  const got = JSON.stringify(decision) ?? typeof decision;
  throw new PolicyError(source.policy, source.moment, `expected { kind, reason: string, ... }, got ${got}`);
}

/** Applies one decision whole, or says why not and changes nothing. */
function apply(cluster: Cluster, source: DecisionSource, decision: Decision): string | undefined {
  switch (decision.kind) {
    case 'preempt':
      return preempt(cluster, decision);
    case 'swapIn':
      return bringBack(cluster, decision);
    case 'migrate':
      return migrate(cluster, decision);
    case 'setLimits':
      return setLimits(cluster, decision);
    case 'wait':
    case 'dispatch':
    case 'hold':
    case 'reject':
      return `"${decision.kind}" is no answer to ${source.moment}`;
    default:
      return changeGroups(cluster, source, decision);
  }
}

type GroupDecision = Exclude<
  Decision,
  DispatchDecision | WaitDecision | PreemptDecision | SwapInDecision | MigrateDecision | SetLimitsDecision
>;

function changeGroups(cluster: Cluster, source: DecisionSource, decision: GroupDecision): string | undefined {
  switch (decision.kind) {
    case 'drop':
      return drop(cluster, decision);
    case 'restore':
      return restore(cluster, decision);
    case 'cancelRestore':
      return cancelRestore(cluster, decision.groupId);
    case 'scaleUp':
      return scaleUp(cluster, decision);
    case 'drain':
      return drain(cluster, decision.groupId);
    case 'cancelDrain':
      return cancelDrain(cluster, decision.groupId);
    case 'setRole':
      return setRole(cluster, decision);
    default:
      throw new PolicyError(source.policy, source.moment, `unknown decision ${JSON.stringify(decision)}`);
  }
}

function preempt(cluster: Cluster, decision: PreemptDecision): string | undefined {
  const request = cluster.requests.live.get(decision.requestId);
  const group = request === undefined ? undefined : cluster.topology.groupOf(request);
  if (request === undefined || group === undefined) return `there is no live request ${decision.requestId}`;
  if (!canBeGivenUp(request, decision.mode))
    return `request ${request.id} is ${request.status.kind}, not running`;
  if (request.numInFlight > (group.forming?.countOf(request) ?? 0)) {
    return `request ${request.id} is in a step that has not come back`;
  }
  switch (decision.mode) {
    case 'recompute':
      return preemptByRecompute(cluster, group, request);
    case 'swap':
      return preemptBySwap(cluster, group, request);
    default:
      return `there is no preemption mode ${JSON.stringify(decision.mode)}`;
  }
}

/** One whose KV is on the move can be computed again, but not be swapped. */
function canBeGivenUp({ status }: Request, mode: PreemptDecision['mode']): boolean {
  return isRunning(status) || (isStalled(status) && mode === 'recompute');
}

/** Frees its KV; prompt and generated tokens become the new prompt, at the front of the queue (POLICIES 4.1). */
function preemptByRecompute(cluster: Cluster, group: InstanceGroup, request: Request): undefined {
  notePreemption(group, request);
  if (group.phase === 'retiring' || group.phase === 'draining') {
    computeElsewhere(cluster, request);
    return;
  }
  loseKv(cluster, request);
  request.preempt();
  cluster.effects.wake(group);
}

function preemptBySwap(cluster: Cluster, group: InstanceGroup, request: Request): string | undefined {
  if (request.computedTokens === 0) return `request ${request.id} has no KV to swap`;
  const problem = hostProblem(cluster, request, request.layout ?? group.layout);
  if (problem !== undefined) return problem;
  notePreemption(group, request);
  swapOut(cluster, request);
  return undefined;
}

function notePreemption(group: InstanceGroup, request: Request): void {
  group.forming?.remove(request);
  request.numPreemptions += 1;
}

function bringBack(cluster: Cluster, decision: SwapInDecision): string | undefined {
  const request = cluster.requests.live.get(decision.requestId);
  const group = request === undefined ? undefined : cluster.topology.groupOf(request);
  if (request === undefined || group === undefined) return `there is no live request ${decision.requestId}`;
  if (request.status.kind !== 'swapped')
    return `request ${request.id} is ${request.status.kind}, not swapped`;
  const blocks = group.blocksFor(request.computedTokens);
  if (group.numAdmitted >= group.limits.maxRunning)
    return `${group.numAdmitted} requests run or come back already`;
  const missing = blocks - group.freeBlocks;
  if (missing > 0 && cluster.stack.can('unlimitedMemory')) growMemory(cluster, group.layout, missing);
  else if (blocks > group.totalBlocks) {
    // It has come here from a larger group that is gone.
    computeElsewhere(cluster, request);
    return undefined;
  } else if (missing > 0) return `${blocks} blocks needed, ${group.freeBlocks} free`;
  swapIn(cluster, group, request);
  return undefined;
}

function setLimits(cluster: Cluster, decision: SetLimitsDecision): string | undefined {
  const group = cluster.topology.group(decision.groupId);
  if (group === undefined) return `there is no group ${decision.groupId}`;
  const problem = limitsProblem(decision.limits);
  if (problem !== undefined) return problem;
  const limits = { ...group.limits, ...decision.limits };
  // Saying the same limits before every step must not wake the group for ever.
  if (Object.entries(limits).every(([name, value]) => group.limits[name as keyof Limits] === value))
    return undefined;
  group.limits = limits;
  cluster.effects.wake(group);
  return undefined;
}
