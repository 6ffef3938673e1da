import { z } from 'zod';
import { definePolicy, type Policy } from '../../harness/policy/index.ts';

/** A policy made of the given moments. */
export function policyOf(policy: Policy) {
  return definePolicy({
    name: 'under-test',
    family: 'other',
    summary: 'test',
    params: z.strictObject({}),
    capabilities: { preempts: ['recompute', 'swap'] },
    create: () => policy,
  });
}
