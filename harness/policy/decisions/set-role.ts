import { groupId, role } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const setRole = declareDecision({
  kind: 'setRole',
  subject: 'instances',
  summary: 'Gives the instances of a group another role: a label that means what the policies make of it.',
  fields: { groupId: groupId.describe('Whose.'), role: role.describe('Letters, digits and dashes.') },
  capability: undefined,
  moments: actingMoments,
  refusals: [
    'there is no group {groupId}',
    'group {groupId} is retiring: its instances serve in other groups',
  ],
});
