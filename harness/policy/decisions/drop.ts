import { z } from 'zod';
import { count, distinct, flag, groupId, record, variants } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

const exchange = record({
  kind: z.literal('exchange'),
  maxRequests: count.describe('Requests whose KV is on its way at the same time.'),
  isCoordinated: flag.describe(
    'Coordinated: KV travels in chunks of about one stage time, and activations go first at the end of each. Otherwise transfers go whole and in order of request, whatever they are.',
  ),
});

const remoteAttention = record({ kind: z.literal('remote-attention') });

const transition = variants([exchange, remoteAttention], ['exchange', 'remote-attention']);

/**
 * How running requests go on after their layers have gone to other members: `exchange` stalls each until its KV has
 * followed; `remote-attention` runs them at once, with attention where their KV is (queries, new K and V travel there and
 * the results back, in every layer; the instance there computes it between its own kernels), and lets their KV stay.
 */
export type KvTransition = Readonly<z.output<typeof exchange>> | Readonly<z.output<typeof remoteAttention>>;

export const drop = declareDecision({
  kind: 'drop',
  subject: 'groups',
  summary:
    'Drops replicated parameters: the groups become one, each layer stays on one member only, and what the other copies took becomes KV cells. Happens once the steps of all of them have come back. Each member keeps a contiguous part of the layers that it holds, as even as that allows.',
  fields: {
    groupIds: distinct(groupId, 2, 'two or more different groups').describe(
      'Two groups or more, all in phase `serving`.',
    ),
    transition: transition.describe(
      'What becomes of the requests that run: `exchange` stalls each until its KV has followed the layers; `remote-attention` runs them at once, with attention where their KV is.',
    ),
  },
  capability: 'dropsParameters',
  moments: actingMoments,
  refusals: [
    'there is no group {groupId}',
    'group {groupId} is {phase}',
    'groups {groupIds} cannot share the layers in one pipeline',
  ],
});
