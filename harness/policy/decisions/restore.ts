import { groupId, oneOf } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const restore = declareDecision({
  kind: 'restore',
  subject: 'groups',
  summary:
    'Puts the parameters back: every member of the group loads the layers that it lacks, from peers where one holds them, else from host memory, else from disk, while the group goes on serving; then each is a group of its own again.',
  fields: {
    groupId: groupId.describe('Which pipeline.'),
    running: oneOf(['finish', 'move-back']).describe(
      '`finish`: running requests end in the pipeline that they run in; `move-back`: their KV moves to one of its members, a few requests at a time.',
    ),
  },
  capability: 'dropsParameters',
  moments: actingMoments,
  refusals: [
    'there is no group {groupId}',
    'group {groupId} is {phase}',
    'group {groupId} is a single instance already',
    'group {groupId} still exchanges KV',
    'KV in use on instance {instanceId} leaves no room for the weights',
  ],
});
