import { pathToFileURL } from 'node:url';
import { InputError } from '../base/errors.ts';
import { CallWatch } from '../conformance/call-watch.ts';
import { checkPolicy } from '../conformance/index.ts';
import type { Check } from '../conformance/index.ts';
import { definitionProblems } from '../policy/check-definition.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { suggest } from '../base/suggest.ts';
import type { CellGuard } from './cell-job.ts';
import { createPolicyResolver, findPolicy, pluginFile } from './load-policy.ts';

/** What to check: the policy as the command line names it, with the parameters that differ from its defaults. */
export interface CheckJob {
  readonly file: string;
  readonly cwd: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * Runs the conformance suite on a plug-in or a built-in policy, with every call under the watchdog. The process is for this alone:
 * what calls are watched by stays in place.
 */
export async function checkPolicyFile(
  { file: use, cwd, params }: CheckJob,
  guard: CellGuard,
): Promise<readonly Check[]> {
  const watch = new CallWatch();
  // Before any code of the plug-in runs, which might keep what is watched for itself.
  watch.install();
  const definition = await findPolicy(use, cwd, guard);
  if (definition !== undefined) {
    const again = await loadAgain(use, cwd, guard);
    return checkPolicy(definition, { params, guard, watch, ...(again === undefined ? {} : { again }) });
  }
  const hint = suggest(use, createPolicyResolver(guard).names);
  throw new InputError({
    source: use,
    path: '',
    message: 'there is no such file, package or built-in policy',
    hint,
  });
}

/** Loads a plug-in once more, with state of its own; `undefined` where its module cannot be had twice. */
async function loadAgain(use: string, cwd: string, guard: CellGuard): Promise<PolicyDefinition | undefined> {
  const file = pluginFile(use, cwd);
  if (file === undefined) return undefined;
  const url = pathToFileURL(file);
  url.searchParams.set('again', '');
  guard.enter(use, 'import');
  try {
    const { default: exported } = (await import(url.href)) as { readonly default?: unknown };
    return definitionProblems(exported).length > 0 ? undefined : (exported as PolicyDefinition);
  } catch {
    // It has been loaded as it is; what else may be wrong with this way of loading it is not the policy's fault.
    return undefined;
  } finally {
    guard.leave();
  }
}
