import { groupId } from '../fields.ts';
import { limitsSchema } from '../limits.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const setLimits = declareDecision({
  kind: 'setLimits',
  subject: 'groups',
  summary: "Changes a group's limits until they are set again.",
  fields: {
    groupId: groupId.describe('Whose.'),
    limits: limitsSchema.describe('Those that change.'),
  },
  capability: undefined,
  moments: actingMoments,
  refusals: ['there is no group {groupId}'],
});
