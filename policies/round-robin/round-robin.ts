import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';

/**
 * Dispatches requests to the groups in turn, regardless of load: the baseline that every dispatcher should
 * beat.
 */
export const roundRobin = definePolicy({
  name: 'round-robin',
  family: 'support',
  summary: 'Dispatches requests to the groups in turn.',
  params: z.strictObject({}),
  capabilities: { dispatches: true },
  create: () => {
    let next = 0;
    return {
      dispatch: (_request, view) => {
        const open = view.groups.filter((group) => group.acceptsRequests);
        const group = open[next % open.length];
        if (group === undefined) return { kind: 'hold', reason: 'no group takes requests' };
        next += 1;
        return { kind: 'dispatch', groupId: group.id, reason: 'its turn' };
      },
    };
  },
});
