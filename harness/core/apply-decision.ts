import { PolicyError } from '../base/errors.ts';
import {
  answersAt,
  type Decision,
  type DecisionOf,
  fieldsProblem,
  isDecisionKind,
  type KindAt,
  type Refusal,
} from '../policy/decisions.ts';
import type { ActingMoment } from '../policy/moments.ts';
import type { Answer } from '../policy/stack.ts';
import type { MemoryNeed } from '../policy/views.ts';
import { logDecision } from './decision-log.ts';
import { preempt } from './decisions/preempt.ts';
import { requireDeclared } from './decisions/require-declared.ts';
import { setLimits } from './decisions/set-limits.ts';
import { beginSwapIn } from './decisions/swap-in.ts';
import { cancelDrain, drain } from './groups/drain.ts';
import { drop } from './groups/drop.ts';
import { cancelRestore, restore } from './groups/restore.ts';
import { setRole } from './groups/set-role.ts';
import { scaleUp } from './groups/start.ts';
import { migrate } from './kv/migrate.ts';
import type { Cluster } from './state/cluster.ts';
import type { DecisionSource } from './state/decision-source.ts';
import type { InstanceGroup } from './state/group.ts';

type ActingKind = KindAt<ActingMoment>;

/**
 * Carries out a decision whose fields are what the declaration says. Returns why it is refused, having changed nothing, or
 * `undefined` once it has begun.
 */
type Act<Kind extends ActingKind> = (
  cluster: Cluster,
  decision: DecisionOf<Kind>,
) => Refusal<Kind> | undefined;

/** How the core carries out each kind that is decided in a list; answers to `dispatch` are the lifecycle's. */
const acts: { readonly [Kind in ActingKind]: Act<Kind> } = {
  preempt,
  wait: () => undefined,
  swapIn: beginSwapIn,
  migrate,
  setLimits,
  drop,
  restore,
  cancelRestore,
  scaleUp,
  drain,
  cancelDrain,
  setRole,
};

/** Checks, applies and logs each decision of an answer. Returns how many were applied. */
export function applyDecisions(
  cluster: Cluster,
  moment: ActingMoment,
  answer: Answer<readonly Decision[]>,
): number {
  let numApplied = 0;
  for (const decision of answer.value) {
    const source = { policy: answer.policy, moment };
    checkReadable(source, decision);
    requireDeclared(cluster.stack, source, decision);
    if (decision.kind === 'wait' && moment === 'onMemoryPressure') continue;
    if (deferIfInFlight(cluster, source, decision)) continue;
    const error = apply(cluster, source, decision);
    logDecision(cluster, source, decision, error);
    if (error === undefined) numApplied += 1;
  }
  return numApplied;
}

/**
 * Asks the policies in turn to make room until one of them has done something or says to wait. Returns the name of the one that
 * has done something, or `undefined`.
 */
export function makeRoom(cluster: Cluster, group: InstanceGroup, need: MemoryNeed): string | undefined {
  for (const answer of cluster.stack.onMemoryPressure(group, need, cluster.loadReports.viewFrom(group))) {
    if (applyDecisions(cluster, 'onMemoryPressure', answer) > 0) return answer.policy;
    if (answer.value.some(({ kind }) => kind === 'wait')) return undefined;
  }
  return undefined;
}

/**
 * Between steps nearly every running request is in a micro-batch. A decision to give one up is then kept and carried
 * out when it comes back; under memory pressure it has to be now or not at all. Returns whether the decision is kept.
 */
function deferIfInFlight(cluster: Cluster, source: DecisionSource, decision: Decision): boolean {
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
    if (deferIfInFlight(cluster, source, decision)) continue;
    logDecision(cluster, source, decision, apply(cluster, source, decision));
  }
}

/** Nonsense fails the cell: a decision that cannot even be read is a bug of the policy, not a refused wish. */
function checkReadable({ policy, moment }: DecisionSource, decision: Decision): void {
  const isReadable = typeof decision === 'object' && decision !== null && typeof decision.reason === 'string';
  if (!isReadable) {
    const got = JSON.stringify(decision) ?? typeof decision;
    throw new PolicyError(policy, moment, `expected { kind, reason: string, ... }, got ${got}`);
  }
  if (isDecisionKind(decision.kind)) return;
  throw new PolicyError(policy, moment, `unknown decision ${JSON.stringify(decision)}`);
}

/** Applies one decision. Returns why it is refused, having changed nothing, or `undefined`. */
function apply(cluster: Cluster, { moment }: DecisionSource, decision: Decision): string | undefined {
  if (!isActing(decision) || !answersAt(decision.kind, moment))
    return `"${decision.kind}" is no answer to ${moment}`;
  const act = acts[decision.kind] as Act<ActingKind>;
  return fieldsProblem(decision) ?? act(cluster, decision);
}

function isActing(decision: Decision): decision is DecisionOf<ActingKind> {
  return Object.hasOwn(acts, decision.kind);
}
