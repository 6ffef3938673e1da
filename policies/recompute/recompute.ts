import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

/**
 * vLLM V1's answer to memory pressure: the request that was admitted last gives up its KV, goes to the front of the
 * queue, and is computed again from prompt and generated tokens. The victim may be the one in need.
 */
export const recompute = definePolicy({
  name: 'recompute',
  family: 'kv-centric',
  summary: 'Drops the KV of the last admitted request and computes it again later (vLLM V1).',
  params: z.strictObject({}),
  capabilities: { preempts: ['recompute'] },
  create: () => ({
    onMemoryPressure: (group, need) => {
      for (let index = group.running.length - 1; index >= 0; index -= 1) {
        const victim = group.running.at(index);
        if (victim === undefined || victim.isInFlight) continue;
        return [
          {
            kind: 'preempt',
            requestId: victim.id,
            mode: 'recompute',
            reason: `request ${need.requestId} needs ${need.blocks} blocks, none free; last admitted goes first`,
          },
        ];
      }
      return undefined;
    },
  }),
});
