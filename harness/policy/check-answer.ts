import type { InstanceId, RequestId } from '../domain/ids.ts';
import type { MicroBatchPlan } from './contract.ts';
import type { DispatchDecision } from './decisions.ts';
import { describeValue, isThenable } from './describe-value.ts';
import { problemOf } from './fields.ts';
import { type Limits, limitsSchema } from './limits.ts';

// What a policy answers is checked where it enters the core: a `TypeError` here becomes a `PolicyError` that names the policy
// and the moment. Decisions in lists are checked one by one when they are applied (`core/apply-decision.ts`).

/** No cluster has so many requests in one group that a sensible answer is longer. */
const maxAnswerLength = 100_000;

/** Returns the list, or `undefined` for an empty one: an empty list is no answer. Throws a `TypeError` unless it is a list. */
export function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  if (list === undefined) return undefined;
  if (!Array.isArray(list))
    throw new TypeError(`expected a list of decisions or nothing, got ${describeValue(list)}`);
  if (list.length > maxAnswerLength) {
    throw new TypeError(`${list.length} decisions at once; ${maxAnswerLength} is the limit`);
  }
  return list.length === 0 ? undefined : list;
}

export function checkDispatch(answer: DispatchDecision | undefined): DispatchDecision | undefined {
  if (answer === undefined) return undefined;
  const isReadable = typeof answer === 'object' && answer !== null && typeof answer.reason === 'string';
  if (isReadable) return answer;
  throw new TypeError(`expected { kind, reason: string, ... } or nothing, got ${describeValue(answer)}`);
}

export function checkCount(answer: number | undefined): number | undefined {
  if (answer === undefined || Number.isInteger(answer)) return answer;
  throw new TypeError(`expected a whole number or nothing, got ${describeValue(answer)}`);
}

export function checkIds<Id extends RequestId | InstanceId>(
  answer: readonly Id[] | undefined,
): readonly Id[] | undefined {
  if (answer === undefined) return undefined;
  if (!Array.isArray(answer) || !answer.every((id) => Number.isInteger(id))) {
    throw new TypeError(`expected a list of request ids or nothing, got ${describeValue(answer)}`);
  }
  return answer;
}

export function checkGroups(
  answer: readonly (readonly InstanceId[])[] | undefined,
): readonly (readonly InstanceId[])[] | undefined {
  if (answer === undefined) return undefined;
  if (!Array.isArray(answer))
    throw new TypeError(`expected lists of instance ids, got ${describeValue(answer)}`);
  for (const ids of answer) checkIds(ids);
  return answer;
}

export function checkStats(
  answer: Readonly<Record<string, number | null>>,
): Readonly<Record<string, number | null>> {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer) || isThenable(answer)) {
    throw new TypeError(`expected figures by name, got ${describeValue(answer)}`);
  }
  for (const [name, value] of Object.entries(answer)) {
    if (value === null || Number.isFinite(value)) continue;
    throw new TypeError(`${name} must be a finite number or null, got ${describeValue(value)}`);
  }
  return answer;
}

/** Of a moment that is told and not asked: what it returns is of no use, but a promise means that it goes on later. */
export function checkNothing(answer: unknown): void {
  if (isThenable(answer)) throw new TypeError(`expected nothing, got ${describeValue(answer)}`);
}

export function checkLimits(answer: Partial<Limits> | undefined): Partial<Limits> | undefined {
  if (answer === undefined) return undefined;
  // To the schema a promise is an object without any of the limits.
  if (isThenable(answer)) throw new TypeError(`expected limits or nothing, got ${describeValue(answer)}`);
  const problem = problemOf(limitsSchema, 'limits', answer);
  if (problem !== undefined) throw new TypeError(problem);
  return answer;
}

export function checkPlans(
  plans: readonly MicroBatchPlan[] | undefined,
): readonly MicroBatchPlan[] | undefined {
  for (const plan of plans ?? []) {
    const isReadable =
      typeof plan === 'object' && plan !== null && Array.isArray(plan.entries) && plan.entries.length > 0;
    if (!isReadable)
      throw new TypeError(
        `expected micro-batches { entries: [...] } with entries, got ${describeValue(plan)}`,
      );
  }
  return plans;
}
