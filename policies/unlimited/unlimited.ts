import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

/**
 * Not a policy but a bound: the same cluster with as much KV memory as the load asks for, so that every comparison shows
 * how much of the latency is due to memory at all.
 */
export const unlimited = definePolicy({
  name: 'unlimited',
  family: 'bound',
  summary: 'Bound: instances never run out of KV memory.',
  params: z.strictObject({}),
  capabilities: { unlimitedMemory: true },
  create: () => ({}),
});
