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
      // Where nothing runs, requests whose KV has no room to follow its layers hold the memory.
      const { running, stalled } = group;
      const victim = running.at(running.length - 1) ?? stalled.at(stalled.length - 1);
      if (victim === undefined) return undefined;
      // In a pipeline the last admitted may be on its way through the stages: its turn comes when it is back.
      if (victim.isInFlight)
        return [{ kind: 'wait', reason: `request ${victim.id}, the last admitted, is in a step` }];
      const reason = `request ${need.requestId} needs ${need.blocks} blocks, none free; last admitted goes first`;
      return [{ kind: 'preempt', requestId: victim.id, mode: 'recompute', reason }];
    },
  }),
});
