import { requestId } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const swapIn = declareDecision({
  kind: 'swapIn',
  subject: 'requests',
  summary:
    'Takes device blocks for a swapped request and copies its KV back; it runs again when the copy is complete.',
  fields: { requestId: requestId.describe('Which one.') },
  capability: undefined,
  moments: actingMoments,
  refusals: [
    'there is no live request {requestId}',
    'request {requestId} is {status}, not swapped',
    '{numRequests} requests run or come back already',
    '{blocks} blocks needed, {blocks} free',
  ],
});
