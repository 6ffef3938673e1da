import { z } from 'zod';
import { definePolicy, type GroupView } from '../../harness/policy/index.ts';
import { numRequestsOf } from '../dispatching/num-requests.ts';
import { SentSinceReport } from '../dispatching/sent-since-report.ts';

const params = z.strictObject({
  /**
   * Load is the share of a group's KV blocks that its requests ask for, or their number (vLLM's and KunServe's routers): on
   * each of its instances, since those routers know groups of one size only.
   */
  by: z.enum(['memory', 'requests']).default('memory'),
  /**
   * Whether requests sent since a group's last report count too, as a router's own book-keeping has them: KunServe's artifact adds
   * each to the load that it was last told (evaluation/bench.py).
   */
  countsSent: z.boolean().default(true),
});

/**
 * Sends a request to the group with the smallest share of its KV memory asked for: blocks of running, swapped and
 * waiting requests alike, so that a long queue counts as load; or to the one with the fewest requests for its size.
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
