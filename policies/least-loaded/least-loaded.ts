import { z } from 'zod';
import { definePolicy, type GroupView } from '../../harness/policy/index.ts';

/**
 * Sends a request to the group with the smallest share of its KV memory asked for: blocks of running, swapped and
 * waiting requests alike, so that a long queue counts as load.
 */
export const leastLoaded = definePolicy({
  name: 'least-loaded',
  family: 'support',
  summary: 'Dispatches to the group whose memory, queue included, is least asked for.',
  params: z.strictObject({}),
  capabilities: { dispatches: true },
  create: () => ({
    dispatch: (_request, view) => {
      let best: GroupView | undefined;
      let bestLoad = Infinity;
      for (const group of view.groups) {
        const load = group.demandBlocks / group.totalBlocks;
        if (!group.acceptsRequests || load >= bestLoad) continue;
        best = group;
        bestLoad = load;
      }
      if (best === undefined) return { kind: 'hold', reason: 'no group takes requests' };
      return {
        kind: 'dispatch',
        groupId: best.id,
        reason: `demand ${Math.round(bestLoad * 100)} % of its blocks`,
      };
    },
  }),
});
