import { groupId } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const cancelRestore = declareDecision({
  kind: 'cancelRestore',
  subject: 'groups',
  summary: 'Stops a restore while the group is `restoring`: the memory is KV cells again.',
  fields: { groupId: groupId.describe('The group that restores.') },
  capability: 'dropsParameters',
  moments: actingMoments,
  refusals: ['there is no group {groupId}', 'group {groupId} is {phase}, not restoring'],
});
