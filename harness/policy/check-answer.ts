import type { MicroBatchPlan } from './contract.ts';
import type { DispatchDecision, Limits } from './decisions.ts';

/**
 * What a policy answers is checked where it enters the core: a `TypeError` here becomes a `PolicyError` that names the
 * policy and the moment. Decisions in lists are checked one by one when they are applied (`core/apply-decision.ts`).
 */
/** No cluster has so many requests in one group that a sensible answer is longer. */
const maxAnswerLength = 100_000;

export function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  if (list === undefined) return undefined;
  if (!Array.isArray(list))
    throw new TypeError(`expected a list of decisions or nothing, got ${describe(list)}`);
  if (list.length > maxAnswerLength) {
    throw new TypeError(`${list.length} decisions at once; ${maxAnswerLength} is the limit`);
  }
  return list.length === 0 ? undefined : list;
}

export function checkDispatch(answer: DispatchDecision | undefined): DispatchDecision | undefined {
  if (answer === undefined) return undefined;
  const isReadable = typeof answer === 'object' && answer !== null && typeof answer.reason === 'string';
  if (isReadable) return answer;
  throw new TypeError(`expected { kind, reason: string, ... } or nothing, got ${describe(answer)}`);
}

export function checkCount(answer: number | undefined): number | undefined {
  if (answer === undefined || Number.isInteger(answer)) return answer;
  throw new TypeError(`expected a whole number or nothing, got ${describe(answer)}`);
}

export function checkIds(answer: readonly number[] | undefined): readonly number[] | undefined {
  if (answer === undefined) return undefined;
  if (!Array.isArray(answer) || !answer.every((id) => Number.isInteger(id))) {
    throw new TypeError(`expected a list of request ids or nothing, got ${describe(answer)}`);
  }
  return answer;
}

export function checkGroups(
  answer: readonly (readonly number[])[] | undefined,
): readonly (readonly number[])[] | undefined {
  if (answer === undefined) return undefined;
  if (!Array.isArray(answer)) throw new TypeError(`expected lists of instance ids, got ${describe(answer)}`);
  for (const ids of answer) checkIds(ids);
  return answer;
}

export function checkStats(
  answer: Readonly<Record<string, number | null>>,
): Readonly<Record<string, number | null>> {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw new TypeError(`expected figures by name, got ${describe(answer)}`);
  }
  for (const [name, value] of Object.entries(answer)) {
    if (value === null || Number.isFinite(value)) continue;
    throw new TypeError(`${name} must be a finite number or null, got ${describe(value)}`);
  }
  return answer;
}

/** Every limit, with what it must be. */
const limitChecks: Readonly<Record<keyof Limits, { what: string; holds(value: unknown): boolean }>> = {
  maxRunning: { what: 'an integer of at least 1', holds: isCount },
  maxBatchTokens: { what: 'an integer of at least 1', holds: isCount },
  watermarkRatio: {
    what: 'a number from 0 up to, but not including, 1',
    holds: (value) => typeof value === 'number' && value >= 0 && value < 1,
  },
  admits: { what: 'true or false', holds: isBoolean },
  overlapsChunks: { what: 'true or false', holds: isBoolean },
};

/** What is wrong with limits that a policy gave, if anything. */
export function limitsProblem(limits: unknown): string | undefined {
  if (typeof limits !== 'object' || limits === null) return `expected limits, got ${describe(limits)}`;
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(limitChecks, name)) {
      return `there is no limit "${name}"; the limits are ${Object.keys(limitChecks).join(', ')}`;
    }
    const check = limitChecks[name as keyof Limits];
    if (!check.holds(value)) return `${name} must be ${check.what}, got ${describe(value)}`;
  }
  return undefined;
}

export function checkLimits(answer: Partial<Limits> | undefined): Partial<Limits> | undefined {
  if (answer === undefined) return undefined;
  const problem = limitsProblem(answer);
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
      throw new TypeError(`expected micro-batches { entries: [...] } with entries, got ${describe(plan)}`);
  }
  return plans;
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1;
}

/** What is wrong with the name of a role, if anything. */
export function roleProblem(role: unknown): string | undefined {
  if (typeof role === 'string' && /^[A-Za-z0-9-]+$/.test(role)) return undefined;
  return `a role consists of letters, digits and dashes, got ${describe(role)}`;
}

/** A value that a policy gave, for a message: whatever it is, this does not throw. */
export function describe(value: unknown): string {
  if (value instanceof Promise) return 'a Promise (moments are synchronous)';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return `${typeof value} that cannot be shown`;
  }
}
