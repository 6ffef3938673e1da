import { groupId } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const cancelDrain = declareDecision({
  kind: 'cancelDrain',
  subject: 'instances',
  summary: 'The group takes requests again.',
  fields: { groupId: groupId.describe('The group that drains.') },
  capability: 'scales',
  moments: actingMoments,
  refusals: ['there is no group {groupId}', 'group {groupId} is {phase}, not draining'],
});
