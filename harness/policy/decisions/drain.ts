import { groupId } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const drain = declareDecision({
  kind: 'drain',
  subject: 'instances',
  summary:
    'Releases the instances of a group once its requests have ended or migrated away: no dispatch and no migration to it any more; those that have no KV yet are dispatched again. A request whose KV is there may yet come back, when another instance fails. A group that is still loading is released at once.',
  fields: { groupId: groupId.describe('Which one.') },
  capability: 'scales',
  moments: actingMoments,
  refusals: ['there is no group {groupId}', 'group {groupId} is {phase}'],
});
