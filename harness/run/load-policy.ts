import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { resolve as resolveImport } from 'import-meta-resolve';
import { policies } from '../../policies/index.ts';
import { messageOf, PolicyError } from '../base/errors.ts';
import { definitionProblems } from '../policy/check-definition.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { isPolicyPath } from '../config/index.ts';
import type { PolicyResolver, PolicyUse } from '../config/index.ts';
import type { CellGuard } from './cell-job.ts';

/** A policy of a stack with the parameters that it is made with. */
export interface LoadedPolicy {
  readonly definition: PolicyDefinition;
  readonly params: Readonly<Record<string, unknown>>;
  /** Whether it is somebody else's: not one of the built-in policies. */
  readonly isPlugin: boolean;
}

/** Loads a policy of a resolved configuration, whose parameters have been checked and filled in. */
export async function loadPolicy(
  { use, params }: PolicyUse,
  baseDir: string,
  guard: CellGuard,
): Promise<LoadedPolicy> {
  const definition = await findPolicy(use, baseDir, guard);
  if (definition === undefined) throw new PolicyError(use, 'import', 'it is not there any more');
  return { definition, params, isPlugin: !builtIns.has(use) };
}

/**
 * Loads the policy that `use` names: a built-in, else a file (relative to `baseDir`), else an installed package; `undefined`
 * where there is none. Runs the plug-in's module, so this happens in worker processes only; a module that throws, or
 * whose default export is no policy, is a `PolicyError`.
 */
export async function findPolicy(
  use: string,
  baseDir: string,
  guard: CellGuard,
): Promise<PolicyDefinition | undefined> {
  const builtIn = builtIns.get(use);
  if (builtIn !== undefined) return builtIn;
  const file = pluginFile(use, baseDir);
  if (file === undefined) return undefined;
  const { default: exported } = await importGuarded(use, file, guard);
  const problems = exported === undefined ? ['there is none'] : definitionProblems(exported);
  if (problems.length === 0) return exported as PolicyDefinition;
  const remedy = 'write `export default definePolicy({ ... })`, or start from "bench new-policy NAME"';
  const message = `the default export is not a policy: ${problems.join('; ')} (${remedy})`;
  throw new PolicyError(use, 'import', message);
}

export function createPolicyResolver(guard: CellGuard): PolicyResolver {
  return {
    names: [...builtIns.keys()],
    resolve: (use, baseDir) => findPolicy(use, baseDir, guard),
  };
}

const builtIns: ReadonlyMap<string, PolicyDefinition> = new Map(Object.entries(policies));

/** Returns the file of a plug-in, or `undefined` for a built-in policy and where there is none. */
export function pluginFile(use: string, baseDir: string): string | undefined {
  if (builtIns.has(use)) return undefined;
  return isPolicyPath(use) ? existing(resolve(baseDir, use)) : packageFile(use, baseDir);
}

function existing(file: string): string | undefined {
  return existsSync(file) ? file : undefined;
}

/** The file that `import` of the package's name leads to, from the folder of the configuration. */
function packageFile(use: string, baseDir: string): string | undefined {
  try {
    return fileURLToPath(resolveImport(use, pathToFileURL(join(baseDir, 'package.json')).href));
  } catch {
    // Not installed: the caller says what the valid names are.
    return undefined;
  }
}

async function importGuarded(
  use: string,
  file: string,
  guard: CellGuard,
): Promise<{ readonly default?: unknown }> {
  guard.beforeImport(use, file);
  guard.enter(use, 'import');
  try {
    return (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (error) {
    throw new PolicyError(use, 'import', messageOf(error), { cause: error });
  } finally {
    guard.leave();
  }
}
