import { messageOf } from '../base/errors.ts';
import { definitionProblems } from '../policy/check-definition.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import type { CallGuard } from '../policy/stack.ts';
import { CallWatch } from './call-watch.ts';
import { checkCapabilities, checkParams, checkUse } from './check-declared.ts';
import { checkRepeats, checkSpeed, checkSwitches, checkViews, serve } from './check-runs.ts';
import { restoreLanguage } from './language.ts';
import { type Situation, situations } from './situations.ts';
import { Trials } from './trials.ts';

/** The result of one check. */
export interface Check {
  readonly name: string;
  readonly status: 'passed' | 'failed';
  /** The reason of a failure, or what was observed. */
  readonly detail: string;
}

export interface CheckOptions {
  /** Parameters that differ from the policy's defaults. */
  readonly params?: Readonly<Record<string, unknown>>;
  /**
   * The same policy, loaded once more, with nothing of what the first has kept in its module: that way a run is seen that is the
   * first of its process. Without it the first is asked again.
   */
  readonly again?: PolicyDefinition;
  /** Told around every call of a policy. */
  readonly guard?: CallGuard;
  /** One that is in place already; without it the checks put one in place for as long as they last. */
  readonly watch?: CallWatch;
}

/** A check returns what it observed and throws an error if the policy fails. */
type CheckBody = (trials: Trials) => string;

const declaration = 'declares a name, a family and all else that a definition needs';

/** In this order: what was exercised is known when all situations have been run. */
const checks: Readonly<Record<string, CheckBody>> = {
  'has defaults for all parameters and refuses unknown ones': checkParams,
  ...Object.fromEntries(
    Object.entries<Situation>(situations).map(([name, situation]) => [
      name,
      (trials: Trials) => serve(trials, name, situation),
    ]),
  ),
  'serves whatever its switches are set to': checkSwitches,
  'implements what its capabilities promise': checkCapabilities,
  'uses what it declares': checkUse,
  'reads only what views promise and writes nothing': checkViews,
  'decides the same when asked the same': checkRepeats,
  'answers quickly': checkSpeed,
};

/**
 * The conformance suite, which every policy must pass, whether built in or third-party. It runs the policy in
 * small simulated clusters (`situations.ts`), with every invariant checked as they run. `least-loaded` and
 * `recompute` behind it do what it does not do itself (dispatch, making room). Where the definition is none, nothing is run.
 */
export function checkPolicy(definition: PolicyDefinition, options: CheckOptions = {}): readonly Check[] {
  // First of all: a plug-in that has changed the language has changed it for everything below.
  const changedAtLoad = restoreLanguage();
  const problems = definitionProblems(definition);
  if (problems.length > 0) return [{ name: declaration, status: 'failed', detail: problems.join('; ') }];
  const { name, family } = definition;
  const declared: Check = { name: declaration, status: 'passed', detail: `${name}, ${family}` };
  const { watch = new CallWatch(), params = {}, again = definition, guard } = options;
  const uninstall = options.watch === undefined ? watch.install() : undefined;
  try {
    const trials = new Trials({ definition, again, params, watch, guard });
    const changes = changedAtLoad.map((property) => `${property} (when it was loaded)`);
    const results = Object.entries(checks).map(([check, body]) => {
      const result = resultOf(check, () => body(trials));
      changes.push(...restoreLanguage().map((property) => `${property} (while it ${check})`));
      return result;
    });
    return [declared, ...results, resultOf(...aloof(watch)), resultOf(...tidy(changes))];
  } finally {
    watch.endLeftOver();
    uninstall?.();
  }
}

function resultOf(name: string, body: () => string): Check {
  try {
    return { name, status: 'passed', detail: body() };
  } catch (error) {
    return { name, status: 'failed', detail: messageOf(error) };
  }
}

function aloof({ slips }: CallWatch): [string, () => string] {
  return [
    'takes chance from its stream, time from views, and leaves nothing running',
    () => {
      if (slips.length > 0) throw new Error(slips.join('; '));
      return 'nothing else reached for';
    },
  ];
}

function tidy(changes: readonly string[]): [string, () => string] {
  return [
    'leaves the language as it is',
    () => {
      if (changes.length > 0)
        throw new Error(`it changed ${changes.join(', ')}: for all code of the process`);
      return 'nothing changed';
    },
  ];
}
