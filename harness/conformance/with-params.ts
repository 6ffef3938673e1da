import type { PolicyDefinition } from '../policy/index.ts';

/**
 * Returns the policy with these parameters in place of its defaults, for `runTiny` and `checkPolicy`. Throws a `ZodError` where
 * the policy does not accept them.
 */
export function withParams(
  definition: PolicyDefinition,
  params: Readonly<Record<string, unknown>>,
): PolicyDefinition {
  const settings = definition.params.parse(params);
  return { ...definition, create: (_defaults, deps) => definition.create(settings, deps) };
}
