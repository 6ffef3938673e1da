import { isAbsolute } from 'node:path';
import type { PolicyDefinition } from '../policy/contract.ts';

/** The properties of a policy that loading a configuration needs; every `PolicyDefinition` has them. */
export type PolicyInfo = Pick<PolicyDefinition, 'name' | 'family' | 'capabilities' | 'params'>;

/**
 * Finds policies by the names that a configuration uses. It is injected, so that this folder does not depend
 * on any policy.
 */
export interface PolicyResolver {
  /** Names of the built-in policies, for suggestions. */
  readonly names: readonly string[];
  /**
   * Returns the policy that `use` names: a built-in, else a file (relative to `baseDir`), else a package.
   * Undefined if there is none; throws if it exists but cannot be loaded.
   */
  resolve(use: string, baseDir: string): Promise<PolicyInfo | undefined>;
}

/** Tells whether a configuration means a file by what it calls a policy, and not a built-in or a package. */
export function isPolicyPath(use: string): boolean {
  return use.startsWith('.') || isAbsolute(use) || /\.[cm]?[jt]s$/.test(use);
}
