import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

/**
 * A bound and not a policy: the same cluster with as much KV memory as the load needs, so that every
 * comparison shows how much of the latency is due to memory. It bounds what memory can give, but not latency
 * as such: another policy can be faster, for instance a pipeline that computes the chunks of a prompt on
 * several devices at once.
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
