import { oneOf, requestId } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const preempt = declareDecision({
  kind: 'preempt',
  subject: 'requests',
  summary:
    'Gives up a running request. One that is in a step is given up when it comes back; under memory pressure that is too late.',
  fields: {
    requestId: requestId.describe('Which one.'),
    mode: oneOf(['recompute', 'swap']).describe(
      '`recompute` frees its KV now and puts it at the front of the queue; `swap` copies its KV to host memory over the host link and frees the cells when the copy is complete. The capability names those that the policy decides.',
    ),
  },
  capability: 'preempts',
  moments: actingMoments,
  refusals: [
    'there is no live request {requestId}',
    'request {requestId} is {status}, not running',
    'request {requestId} is in a step that has not come back',
    'request {requestId} has no KV to swap',
    'host memory of instance {instanceId} is full',
    'group {groupId} has lost a member',
  ],
});
