import { wallClockUs } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Policy } from '../policy/index.ts';
import { withGuardedViews } from './guarded-views.ts';
import { require } from './require.ts';
import { type Situation, situations } from './situations.ts';
import { switchesOf } from './switches.ts';
import type { Collector } from './collector.ts';
import type { Trials } from './trials.ts';

/** Where a situation is not run for the first time, the invariants need not be checked after every event. */
const checkEvery = 16;

const allSituations = Object.entries<Situation>(situations);

/** Runs a situation for the first time. */
export function serve(trials: Trials, name: string, situation: Situation): string {
  const seen = trials.run(situation);
  trials.firstSeen.set(name, seen);
  return requireServed(trials, situation, seen);
}

/**
 * Every request must finish with every token, or be given up by its client, and no decision of the policy may be refused.
 * Requests may be rejected only if memory is short.
 */
function requireServed(trials: Trials, situation: Situation, seen: Collector): string {
  const own = trials.ownDecisions(seen);
  const refused = own.find(({ outcome }) => outcome === 'rejected');
  require(refused === undefined, `a decision was refused: ${refused?.kind}: ${refused?.error}`);
  const rejected = seen.requests.filter(({ status }) => status === 'rejected').length;
  require(rejected === 0 ||
    situation.hasRoom !== true, `${rejected} requests were rejected, though there was room for all`);
  const incomplete = seen.requests.find(
    ({ status, generatedTokens, outputTokens }) =>
      status !== 'rejected' && status !== 'aborted' && generatedTokens !== outputTokens,
  );
  const reason = incomplete?.endReason === undefined ? '' : `: ${incomplete.endReason}`;
  require(incomplete === undefined, `request ${incomplete?.id} ended as ${incomplete?.status}${reason}`);
  return `${seen.requests.length - rejected} requests ended, ${rejected} rejected, ${own.length} decisions`;
}

/** Runs every situation with each switch of the parameters turned, one at a time. */
export function checkSwitches(trials: Trials): string {
  const { definition, params } = trials;
  const usual = JSON.stringify(definition.params.parse(params));
  const tried: string[] = [];
  for (const { name, value } of switchesOf(definition.params)) {
    const settings = { ...params, [name]: value };
    const parsed = definition.params.safeParse(settings);
    // Some values go together with others only, and one of them is what it is anyway.
    if (!parsed.success || JSON.stringify(parsed.data) === usual) continue;
    const setting = `${name}=${JSON.stringify(value)}`;
    for (const [situation, run] of allSituations) {
      explained(`with ${setting}, ${situation}`, () =>
        requireServed(trials, run, trials.run({ ...run, checkEvery }, { params: settings })),
      );
    }
    tried.push(setting);
  }
  return tried.length === 0 ? 'there are none' : tried.join(', ');
}

/**
 * Runs every situation again, in the opposite order, with the policy behind guarded views. Those in which it looks past the
 * contract are left out of what is compared later.
 */
export function checkViews(trials: Trials): string {
  const problems: string[] = [];
  for (const [name, situation] of allSituations.toReversed()) {
    if (!trials.firstSeen.has(name)) continue;
    try {
      const settings = { definition: trials.again, wrap: withGuardedViews };
      trials.seenAgain.set(name, trials.run({ ...situation, checkEvery }, settings));
    } catch (error) {
      problems.push(`${name}: ${messageOf(error)}`);
    }
  }
  require(problems.length === 0, problems[0] ?? '');
  return 'nothing else touched';
}

/** What a run decides must not depend on those that the process has seen before. */
export function checkRepeats({ firstSeen, seenAgain }: Trials): string {
  for (const [name, again] of seenAgain) {
    const first = firstSeen.get(name);
    const difference = first === undefined ? undefined : differenceOf(first, again);
    require(difference ===
      undefined, `run again after others, "${name}" was another: ${difference}; keep state in what create returns, draw random numbers from deps.rng`);
  }
  return `${seenAgain.size} situations twice, in another order, the same decisions`;
}

function differenceOf(first: Collector, second: Collector): string | undefined {
  for (const list of ['decisions', 'requests'] as const) {
    const length = Math.max(first[list].length, second[list].length);
    for (let index = 0; index < length; index += 1) {
      const [was, is] = [first[list][index], second[list][index]].map((row) => JSON.stringify(row) ?? 'none');
      if (was !== is) return `row ${index} of its ${list} was ${was}, then ${is}`;
    }
  }
  return undefined;
}

/** Says in which run it was, where one throws. */
function explained(where: string, run: () => unknown): void {
  try {
    run();
  } catch (error) {
    throw new Error(`${where}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Longest median duration of a call, in microseconds: policies run between any two steps, so a call may take
 * only a fraction of a step.
 */
const slowCallUs = 2_000;

export function checkSpeed(trials: Trials): string {
  const durationsUs: number[] = [];
  const wrap = (policy: Policy): Policy => timed(policy, durationsUs);
  trials.run({ ...situations['serves an overload on several instances'], checkEvery }, { wrap });
  trials.run({ ...situations['serves with room for more instances'], checkEvery }, { wrap });
  durationsUs.sort((a, b) => a - b);
  const median = durationsUs[Math.floor(durationsUs.length / 2)] ?? 0;
  require(median <=
    slowCallUs, `half of the calls take longer than ${Math.round(median)} us; ${slowCallUs} us is the limit`);
  return `median call ${median.toFixed(1)} us of ${durationsUs.length} calls`;
}

function timed(policy: Policy, durationsUs: number[]): Policy {
  return new Proxy(policy, {
    get(target, moment) {
      const ask: unknown = Reflect.get(target, moment, target);
      if (typeof ask !== 'function') return ask;
      return (...args: readonly unknown[]): unknown => {
        const startUs = wallClockUs();
        const answer: unknown = Reflect.apply(ask, target, args);
        durationsUs.push(wallClockUs() - startUs);
        return answer;
      };
    },
  });
}
