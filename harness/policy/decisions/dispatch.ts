import { groupId } from '../fields.ts';
import { declareDecision } from './declare.ts';

export const dispatch = declareDecision({
  kind: 'dispatch',
  subject: 'requests',
  summary:
    'Puts the request in the waiting queue of a group: at its end, or at the front where it has been started before.',
  fields: { groupId: groupId.describe('Where to.') },
  capability: 'dispatches',
  moments: ['dispatch'],
  refusals: ['there is no group {groupId}', 'group {groupId} takes no requests'],
});
