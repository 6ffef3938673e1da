import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

/**
 * Not a policy but a bound: the same cluster with as much KV memory as the load asks for, so that every comparison shows
 * how much of the latency is due to memory at all. It bounds what memory can give, and no latency as such: another policy can
 * be faster, for instance where a pipeline computes the chunks of a prompt on several devices at once.
 */
export const unlimited = definePolicy({
  name: 'unlimited',
  family: 'bound',
  summary:
    'Bound on what memory can give: KV never runs out. Not on latency: pipelining a prompt can beat it.',
  params: z.strictObject({}),
  capabilities: { unlimitedMemory: true },
  create: () => ({}),
});
