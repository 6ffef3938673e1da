import { must } from '../base/assert.ts';
import { deepFreeze } from '../base/deep-freeze.ts';
import { messageOf, PolicyError } from '../base/errors.ts';
import { createRng } from '../base/rng.ts';
import { withGuardedViews } from '../conformance/guarded-views.ts';
import type { RequestId } from '../domain/ids.ts';
import type { RequestSpec, Workload } from '../domain/workload.ts';
import { describeValue, isThenable } from '../policy/describe-value.ts';
import type { Policy, PolicyDeps } from '../policy/index.ts';
import { moments } from '../policy/moments.ts';
import { PolicyStack, type StackMember } from '../policy/stack.ts';
import type { CellGuard, CellJob } from './cell-job.ts';
import { loadPolicy, type LoadedPolicy } from './load-policy.ts';

/**
 * Makes the policies of the job's stack for this run, each with a random stream of its own. A plug-in sees the cluster through
 * guarded views, and what it is given besides is frozen; built-in policies are trusted, which costs nothing.
 */
export async function createStack(
  job: Pick<CellJob, 'config' | 'stackName' | 'seed'>,
  workload: Workload,
  guard: CellGuard,
): Promise<PolicyStack> {
  const { config, stackName } = job;
  const spec = must(
    config.stacks.find((each) => each.name === stackName),
    `stack ${stackName}`,
  );
  const members: StackMember[] = [];
  for (const use of spec.policies) {
    const loaded = await loadPolicy(use, config.baseDir, guard);
    members.push(createMember(loaded, depsFor(loaded, job, workload), guard));
  }
  return new PolicyStack(members, guard);
}

function createMember(
  { definition, params, isPlugin }: LoadedPolicy,
  deps: PolicyDeps,
  guard: CellGuard,
): StackMember {
  const { name, capabilities } = definition;
  if (!isPlugin) {
    return { name, capabilities, policy: createWatched(name, guard, () => definition.create(params, deps)) };
  }
  deepFreeze(deps);
  const create = (): Policy => checkPolicyObject(definition.create(params, deps));
  return { name, capabilities, policy: withGuardedViews(createWatched(name, guard, create)) };
}

function depsFor(
  { definition: { name, capabilities } }: LoadedPolicy,
  { config, seed }: Pick<CellJob, 'config' | 'seed'>,
  workload: Workload,
): PolicyDeps {
  return {
    rng: createRng(seed, `policy/${name}`),
    model: config.model,
    startHardware: config.cluster.hardware,
    blockSizeTokens: config.engine.blockSizeTokens,
    classes: config.classes,
    ...(capabilities.isOracle === true ? { trueOutputTokens: trueLengths(workload) } : {}),
  };
}

/** Calls `create`, watched, with what it throws named after the policy. */
function createWatched(name: string, guard: CellGuard, create: () => Policy): Policy {
  guard.enter(name, 'create');
  try {
    return create();
  } catch (error) {
    throw new PolicyError(name, 'create', messageOf(error), { cause: error });
  } finally {
    guard.leave();
  }
}

/** Throws a `TypeError` unless a plug-in has made an object whose moments are functions. */
function checkPolicyObject(policy: Policy): Policy {
  if (typeof policy !== 'object' || policy === null || isThenable(policy)) {
    throw new TypeError(`expected an object with moments, got ${describeValue(policy)}`);
  }
  for (const moment of moments) {
    const ask: unknown = policy[moment];
    if (ask === undefined || typeof ask === 'function') continue;
    throw new TypeError(`${moment} must be a function, got ${describeValue(ask)}`);
  }
  return policy;
}

/** Answer lengths for an oracle, looked up in the plan. */
function trueLengths(workload: Workload): (requestId: RequestId) => number {
  const lengths = new Map<RequestId, number>();
  const open: RequestSpec[] = [];
  const arrivals = workload.arrivals();
  for (let next = arrivals.next(); next.done !== true; next = arrivals.next()) open.push(next.value);
  for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
    lengths.set(spec.id, spec.outputTokens);
    open.push(...workload.followers(spec.id));
  }
  return (requestId) => must(lengths.get(requestId), `request ${requestId}`);
}
