import { wallClockUs } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { RequestSpec } from '../core/workload.ts';
import type { Policy, PolicyDefinition } from '../policy/index.ts';
import { leastLoaded } from '../../policies/least-loaded/least-loaded.ts';
import { recompute } from '../../policies/recompute/recompute.ts';
import { withGuardedViews } from './guarded-views.ts';
import { type Collector, request, runTiny, type TinyRun } from './tiny-cluster.ts';

/** What one check found. */
export interface Check {
  readonly name: string;
  readonly status: 'passed' | 'failed';
  /** What was seen: the reason of a failure, or a figure. */
  readonly detail: string;
}

/** A check gives what it saw, or throws what is wrong. */
type CheckBody = (definition: PolicyDefinition) => string;

const checks: Readonly<Record<string, CheckBody>> = {
  'declares a name, a family and a summary': checkDeclaration,
  'has defaults for all parameters and refuses unknown ones': checkParams,
  'implements what its capabilities promise': checkCapabilities,
  'serves a calm load': (definition) => serve(definition, { specs: calmLoad }),
  'serves an overload of its memory': (definition) => serve(definition, { specs: overload, blocks: 20 }),
  'serves an overload on several instances': (definition) => {
    return serve(definition, { specs: overload, blocks: 12, numInstances: 3 });
  },
  'serves a pipeline': (definition) => {
    return serve(definition, { specs: overload, blocks: 12, numInstances: 4, stagesPerGroup: 2 });
  },
  'serves a small host memory': (definition) =>
    serve(definition, { specs: overload, blocks: 20, hostBlocks: 4 }),
  'decides the same when asked the same': checkRepeats,
  'reads only what views promise and writes nothing': checkViews,
  'answers quickly': checkSpeed,
};

/** Two requests at a time, far below the memory. */
const calmLoad: readonly RequestSpec[] = Array.from({ length: 12 }, (_, id) =>
  request(id, id * 20_000, 30, 12),
);

/** Twenty requests at once, several times the memory, of unlike lengths. */
const overload: readonly RequestSpec[] = Array.from({ length: 20 }, (_, id) =>
  request(id, id * 300, 20 + ((id * 37) % 60), 20 + ((id * 53) % 90)),
);

/**
 * The conformance suite: every policy, built in or third-party, must pass all of it. Runs the policy in small simulated
 * clusters with every invariant checked after every event; what it does not do itself (dispatch, making room) is done by
 * `least-loaded` and `recompute` behind it.
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

const moments: Readonly<Record<keyof Policy, true>> = {
  initialInstances: true,
  initialGroups: true,
  dispatch: true,
  order: true,
  limits: true,
  onSchedule: true,
  formMicroBatches: true,
  onMemoryPressure: true,
  tickUs: true,
  onTick: true,
  onEvent: true,
  onStage: true,
  stats: true,
};

function checkCapabilities(definition: PolicyDefinition): string {
  const { capabilities } = definition;
  let policy: Policy = {};
  runWith(definition, { specs: calmLoad.slice(0, 1) }, (created) => {
    policy = created;
    return created;
  });
  const has = (moment: keyof Policy): boolean => policy[moment] !== undefined;
  const unknown = Object.keys(policy).filter((key) => !Object.hasOwn(moments, key));
  require(unknown.length ===
    0, `"${unknown.join('", "')}" is not a moment; the moments are ${Object.keys(moments).join(', ')}`);
  require(capabilities.dispatches !== true || has('dispatch'), 'dispatches is declared, dispatch is missing');
  require(!has('dispatch') ||
    capabilities.dispatches === true, 'dispatch is there, capabilities.dispatches is not');
  const preempts = (capabilities.preempts ?? []).length > 0;
  require(!preempts || has('onMemoryPressure'), 'preempts is declared, onMemoryPressure is missing');
  require(has('onTick') === has('tickUs'), 'onTick and tickUs go together');
  return Object.keys(policy).join(', ') || 'no moment';
}

/** Every request must end finished, with every token, and without a single refused decision. */
function serve(definition: PolicyDefinition, run: Omit<TinyRun, 'policies'>): string {
  const seen = runWith(definition, run);
  const refused = seen.decisions.find(
    ({ outcome, policy }) => outcome === 'rejected' && policy === definition.name,
  );
  require(refused === undefined, `a decision was refused: ${refused?.kind}: ${refused?.error}`);
  const rejected = seen.requests.filter(({ status }) => status === 'rejected').length;
  const incomplete = seen.requests.find(
    ({ status, generatedTokens, outputTokens }) => status !== 'rejected' && generatedTokens !== outputTokens,
  );
  require(incomplete ===
    undefined, `request ${incomplete?.id} ended as ${incomplete?.status}: ${incomplete?.endReason}`);
  const decided = seen.decisions.filter(({ policy }) => policy === definition.name).length;
  return `${seen.requests.length - rejected} requests finished, ${rejected} rejected, ${decided} decisions`;
}

function checkRepeats(definition: PolicyDefinition): string {
  const decisionsOf = (): string =>
    JSON.stringify(runWith(definition, { specs: overload, blocks: 20 }).decisions);
  require(decisionsOf() ===
    decisionsOf(), 'two runs of the same load differ: draw random numbers from deps.rng only');
  return 'two runs, the same decisions';
}

function checkViews(definition: PolicyDefinition): string {
  for (const stagesPerGroup of [1, 2]) {
    runWith(definition, { specs: overload, blocks: 12, numInstances: 2, stagesPerGroup }, withGuardedViews);
  }
  return 'nothing else touched';
}

/** A call may take a share of a step, not more: policies run between any two steps. */
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

/** Runs the policy, wrapped if wanted, with built-in ones behind it for what it does not do. */
function runWith(
  definition: PolicyDefinition,
  run: Omit<TinyRun, 'policies'>,
  wrap: (policy: Policy) => Policy = (policy) => policy,
): Collector {
  const wrapped: PolicyDefinition = {
    ...definition,
    create: (params, deps) => wrap(definition.create(params, deps)),
  };
  return runTiny({ ...run, policies: [wrapped, leastLoaded, recompute], maxDurationUs: maxRunUs }).seen;
}

/** Far longer than any of the loads needs. */
const maxRunUs = 60e6;
