import { wallClockUs } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { usPerSecond } from '../base/units.ts';
import type { Policy, PolicyDefinition } from '../policy/index.ts';
import { declares } from '../policy/capabilities.ts';
import { actingMoments, moments } from '../policy/moments.ts';
import { leastLoaded } from '../../policies/least-loaded/least-loaded.ts';
import { recompute } from '../../policies/recompute/recompute.ts';
import { withGuardedViews } from './guarded-views.ts';
import { overload, type Situation, situations } from './situations.ts';
import { type Collector, runTiny } from './tiny-cluster.ts';

/** The result of one check. */
export interface Check {
  readonly name: string;
  readonly status: 'passed' | 'failed';
  /** The reason of a failure, or what was observed. */
  readonly detail: string;
}

/** A check returns what it observed and throws an error if the policy fails. */
type CheckBody = (definition: PolicyDefinition) => string;

const checks: Readonly<Record<string, CheckBody>> = {
  'declares a name, a family and a summary': checkDeclaration,
  'has defaults for all parameters and refuses unknown ones': checkParams,
  'implements what its capabilities promise': checkCapabilities,
  ...Object.fromEntries(
    Object.entries<Situation>(situations).map(([name, situation]) => [
      name,
      (definition: PolicyDefinition) => serve(definition, situation),
    ]),
  ),
  'decides the same when asked the same': checkRepeats,
  'reads only what views promise and writes nothing': checkViews,
  'answers quickly': checkSpeed,
};

/**
 * The conformance suite, which every policy must pass, whether built in or third-party. It runs the policy in
 * small simulated clusters (`situations.ts`), with every invariant checked as they run. `least-loaded` and
 * `recompute` behind it do what it does not do itself (dispatch, making room).
 */
export function checkPolicy(definition: PolicyDefinition): readonly Check[] {
  return Object.entries(checks).map(([name, body]) => {
    try {
      return { name, status: 'passed', detail: body(definition) };
    } catch (error) {
      return { name, status: 'failed', detail: messageOf(error) };
    }
  });
}

function require(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}

function checkDeclaration({ name, summary, family }: PolicyDefinition): string {
  require(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name), `the name must be kebab-case, got "${name}"`);
  require(summary.trim().length > 0, 'the summary is empty');
  return `${name}, ${family}`;
}

function checkParams({ params }: PolicyDefinition): string {
  const defaults = params.safeParse({});
  require(defaults.success, `without parameters: ${defaults.error?.message ?? ''}`);
  const unknown = params.safeParse({ 'no-such-parameter': 1 });
  require(!unknown.success, 'an unknown parameter is accepted: declare the parameters with z.strictObject');
  return JSON.stringify(defaults.data);
}

const names: readonly string[] = [...moments, 'tickUs' satisfies keyof Policy];

function checkCapabilities(definition: PolicyDefinition): string {
  const { capabilities } = definition;
  let policy: Policy = {};
  runWith(definition, { specs: overload.slice(0, 1) }, (created) => {
    policy = created;
    return created;
  });
  const has = (moment: keyof Policy): boolean => policy[moment] !== undefined;
  const unknown = Object.keys(policy).filter((key) => !names.includes(key));
  require(unknown.length ===
    0, `"${unknown.join('", "')}" is not a moment; the moments are ${names.join(', ')}`);
  require(capabilities.dispatches !== true || has('dispatch'), 'dispatches is declared, dispatch is missing');
  require(!has('dispatch') ||
    capabilities.dispatches === true, 'dispatch is there, capabilities.dispatches is not');
  for (const [capability, needed] of Object.entries(momentsOf)) {
    const isDeclared = declares(capabilities, capability as keyof typeof momentsOf);
    require(!isDeclared ||
      needed.some(has), `${capability} is declared, without a moment to do it in: ${needed.join(', ')}`);
  }
  require(has('onTick') === has('tickUs'), 'onTick and tickUs go together');
  return Object.keys(policy).join(', ') || 'no moment';
}

/** The moments in which a policy can use a capability on its own initiative. */
const momentsOf = {
  preempts: actingMoments,
  migrates: actingMoments,
  scales: ['initialInstances', ...actingMoments],
} as const;

/**
 * Runs a situation. Every request must finish with every token, and no decision of the policy may be refused.
 * Requests may be rejected only if memory is short.
 */
function serve(definition: PolicyDefinition, situation: Situation): string {
  const seen = runWith(definition, situation);
  const own = seen.decisions.filter(({ policy }) => policy === definition.name);
  const refused = own.find(({ outcome }) => outcome === 'rejected');
  require(refused === undefined, `a decision was refused: ${refused?.kind}: ${refused?.error}`);
  const rejected = seen.requests.filter(({ status }) => status === 'rejected').length;
  require(rejected === 0 ||
    situation.hasRoom !== true, `${rejected} requests were rejected, though there was room for all`);
  const incomplete = seen.requests.find(
    ({ status, generatedTokens, outputTokens }) => status !== 'rejected' && generatedTokens !== outputTokens,
  );
  const reason = incomplete?.endReason === undefined ? '' : `: ${incomplete.endReason}`;
  require(incomplete === undefined, `request ${incomplete?.id} ended as ${incomplete?.status}${reason}`);
  return `${seen.requests.length - rejected} requests finished, ${rejected} rejected, ${own.length} decisions`;
}

function checkRepeats(definition: PolicyDefinition): string {
  for (const name of ['serves an overload of its memory', 'serves with room for more instances'] as const) {
    const decisionsOf = (): string => JSON.stringify(runWith(definition, situations[name]).decisions);
    require(decisionsOf() ===
      decisionsOf(), `two runs that it ${name} differ: draw random numbers from deps.rng only`);
  }
  return 'two runs, the same decisions';
}

function checkViews(definition: PolicyDefinition): string {
  for (const stagesPerGroup of [1, 2]) {
    const situation = { specs: overload, blocks: 12, numInstances: 2, stagesPerGroup };
    runWith(definition, situation, withGuardedViews);
  }
  runWith(
    definition,
    situations['lives with instances that start, fail to start and drain'],
    withGuardedViews,
  );
  return 'nothing else touched';
}

/**
 * Longest median duration of a call, in microseconds: policies run between any two steps, so a call may take
 * only a fraction of a step.
 */
const slowCallUs = 2_000;

function checkSpeed(definition: PolicyDefinition): string {
  const durationsUs: number[] = [];
  runWith(definition, { specs: overload, blocks: 20 }, (policy) => timed(policy, durationsUs));
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

/** Runs the policy, wrapped if wanted, with built-in policies behind it for what it does not do. */
function runWith(
  definition: PolicyDefinition,
  { script, ...run }: Situation,
  wrap: (policy: Policy) => Policy = (policy) => policy,
): Collector {
  const wrapped: PolicyDefinition = {
    ...definition,
    create: (params, deps) => wrap(definition.create(params, deps)),
  };
  const policies = [wrapped, ...(script === undefined ? [] : [script]), leastLoaded, recompute];
  return runTiny({ maxDurationUs: maxRunUs, maxWallUs, ...run, policies }).seen;
}

/** Limit on the virtual time of a run; the loads need far less. */
const maxRunUs = 60 * usPerSecond;

/** Limit on the wall time of one situation: about thirty times what the built-in policies need. */
const maxWallUs = 10 * usPerSecond;
