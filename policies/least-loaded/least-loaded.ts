import { z } from 'zod';
import { definePolicy, type GroupView } from '../../harness/policy/index.ts';
import { numRequestsOf } from '../dispatching/num-requests.ts';
import { SentSinceReport } from '../dispatching/sent-since-report.ts';

const params = z.strictObject({
  /**
   * What counts as load: the share of a group's KV blocks that its requests need (`memory`), or their number
   * per instance (`requests`, as in the routers of vLLM and KunServe, which know groups of one size only).
   */
  by: z.enum(['memory', 'requests']).default('memory'),
  /**
   * Whether requests sent since a group's last report count as well, as in a router that keeps its own
   * record: KunServe's artifact adds each to the load last reported (evaluation/bench.py).
   */
  countsSent: z.boolean().default(true),
});

/**
 * Dispatches a request to the group with the smallest demand, as a share of its KV memory or as requests per
 * instance. Running, swapped and waiting requests all count, so a long queue is load.
 */
export const leastLoaded = definePolicy({
  name: 'least-loaded',
  family: 'support',
  summary: 'Dispatches to the group whose memory, queue included, is least asked for.',
  params,
  capabilities: { dispatches: true },
  create: ({ by, countsSent }) => {
    const sent = new SentSinceReport();
    const loadOf = (group: GroupView): number => {
      const unreported = countsSent ? sent.to(group) : { requests: 0, blocks: 0 };
      return by === 'memory'
        ? (group.demandBlocks + unreported.blocks) / group.totalBlocks
        : (numRequestsOf(group) + unreported.requests) / group.stages.length;
    };
    return {
      dispatch: (request, view) => {
        let best: GroupView | undefined;
        let bestLoad = Infinity;
        for (const group of view.groups) {
          if (!group.acceptsRequests) continue;
          const load = loadOf(group);
          if (load >= bestLoad) continue;
          best = group;
          bestLoad = load;
        }
        if (best === undefined) return { kind: 'hold', reason: 'no group takes requests' };
        if (countsSent) sent.add(best.id, view.nowUs, Math.ceil(request.tokens / view.blockSizeTokens));
        const load =
          by === 'memory'
            ? `${Math.round(bestLoad * 100)} % of its blocks`
            : `${Number(bestLoad.toFixed(1))} requests an instance`;
        return { kind: 'dispatch', groupId: best.id, reason: `demand ${load}` };
      },
    };
  },
});
