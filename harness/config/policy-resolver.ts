import type { PolicyDefinition } from '../policy/contract.ts';

/** What a configuration has to know of a policy; every `PolicyDefinition` is one. */
export type PolicyInfo = Pick<PolicyDefinition, 'name' | 'family' | 'capabilities' | 'params'>;

/** Finds policies by what a configuration calls them. The composition root supplies it; this folder knows no policy. */
export interface PolicyResolver {
  /** Names of the built-in policies, for suggestions. */
  readonly names: readonly string[];
  /**
   * The policy that `use` names: a built-in, else a file (relative to `baseDir`), else a package. `undefined` where
   * there is none; throws where there is one and it cannot be loaded.
   */
  resolve(use: string, baseDir: string): Promise<PolicyInfo | undefined>;
}
