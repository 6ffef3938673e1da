import { z } from 'zod';
import { withParams as withOtherParams } from '../../harness/conformance/index.ts';
import { definePolicy, type Policy, type PolicyDefinition } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';

/** A policy made of the given moments. */
export function policyOf(policy: Policy) {
  return definePolicy({
    name: 'under-test',
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: {
      dispatches: policy.dispatch !== undefined,
      preempts: ['recompute', 'swap'],
      migrates: true,
      scales: true,
    },
    create: () => policy,
  });
}

/** The built-in policy with these parameters in place of its defaults. */
export function withParams(
  name: keyof typeof policies,
  params: Readonly<Record<string, unknown>> = {},
): PolicyDefinition {
  return withOtherParams(policies[name], params);
}
