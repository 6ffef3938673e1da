import { deepFreeze } from '../base/deep-freeze.ts';
import { usPerSecond } from '../base/units.ts';
import type { Policy, PolicyDefinition, PolicyDeps } from '../policy/index.ts';
import { moments } from '../policy/moments.ts';
import type { CallGuard } from '../policy/stack.ts';
import { leastLoaded } from '../../policies/least-loaded/least-loaded.ts';
import { recompute } from '../../policies/recompute/recompute.ts';
import type { CallWatch } from './call-watch.ts';
import { Exercise } from './exercise.ts';
import type { Situation } from './situations.ts';
import type { Collector } from './collector.ts';
import { runTiny } from './tiny-cluster.ts';

export interface TrialSettings {
  /** Instead of the policy under test: the same, loaded once more. */
  readonly definition?: PolicyDefinition;
  /** Parameters instead of those that the suite was asked to check with. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** What stands between the core and the policy. */
  readonly wrap?: (policy: Policy) => Policy;
}

interface TrialOptions {
  readonly definition: PolicyDefinition;
  /** The same policy, loaded once more where it can be. */
  readonly again: PolicyDefinition;
  /** Parameters that differ from the defaults. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly watch: CallWatch;
  /** Told around every call of a policy. */
  readonly guard: CallGuard | undefined;
}

/** Runs of the policy under test in small clusters, of all of which is kept what it did and what it reached for. */
export class Trials {
  readonly definition: PolicyDefinition;
  readonly again: PolicyDefinition;
  readonly params: Readonly<Record<string, unknown>>;
  readonly exercise = new Exercise();
  /** What `create` has returned has these properties, in any run. */
  readonly createdKeys = new Set<string>();
  /** What was seen in each situation the first time. */
  readonly firstSeen = new Map<string, Collector>();
  /** What was seen in each of them when all had been run before, with the policy behind guarded views. */
  readonly seenAgain = new Map<string, Collector>();
  readonly #watch: CallWatch;
  readonly #guard: CallGuard | undefined;

  constructor({ definition, again, params, watch, guard }: TrialOptions) {
    this.definition = definition;
    this.again = again;
    this.params = params;
    this.#watch = watch;
    this.#guard = guard;
  }

  /** Runs the policy with built-in policies behind it for what it does not do: dispatch, making room. */
  run({ script, ...run }: Situation, settings: TrialSettings = {}): Collector {
    const policies = [
      this.#underTest(settings),
      ...(script === undefined ? [] : [script]),
      leastLoaded,
      recompute,
    ];
    const guard = this.#guard === undefined ? {} : { guard: this.#guard };
    const { seen } = runTiny({ maxDurationUs: maxRunUs, maxWallUs, ...run, ...guard, policies });
    this.exercise.add(this.ownDecisions(seen));
    return seen;
  }

  ownDecisions({ decisions }: Collector): Collector['decisions'] {
    return decisions.filter(({ policy }) => policy === this.definition.name);
  }

  #underTest({
    definition = this.definition,
    params = this.params,
    wrap = (policy) => policy,
  }: TrialSettings): PolicyDefinition {
    const settings = definition.params.parse(params);
    return {
      ...definition,
      create: (_defaults, deps) => {
        const created = this.#watch.call('create', () => definition.create(settings, this.#depsOf(deps)));
        // What is no object is refused by the stack, with the policy's name.
        if (typeof created !== 'object' || created === null) return created;
        for (const key of Object.keys(created)) this.createdKeys.add(key);
        for (const moment of momentsOf(created)) this.createdKeys.add(moment);
        return wrap(this.#watch.wrap(this.exercise.wrap(created)));
      },
    };
  }

  /** What `create` gets, as a real run gives it to a plug-in: frozen. */
  #depsOf(deps: PolicyDeps): PolicyDeps {
    const { trueOutputTokens } = deps;
    if (trueOutputTokens === undefined) return deepFreeze(deps);
    return deepFreeze({
      ...deps,
      trueOutputTokens: (id) => {
        this.exercise.sawOracle();
        return trueOutputTokens(id);
      },
    });
  }
}

/** The moments of a policy, those of its class included. */
function momentsOf(policy: Policy): readonly string[] {
  return moments.filter((moment) => policy[moment] !== undefined);
}

/** Limit on the virtual time of a run; the loads need far less. */
const maxRunUs = 60 * usPerSecond;

/** Limit on the wall time of one situation: about thirty times what the built-in policies need. */
const maxWallUs = 10 * usPerSecond;
