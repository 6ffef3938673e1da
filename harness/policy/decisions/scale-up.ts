import { count, role } from '../fields.ts';
import { actingMoments } from '../moments.ts';
import { declareDecision } from './declare.ts';

export const scaleUp = declareDecision({
  kind: 'scaleUp',
  subject: 'instances',
  summary:
    'Asks for instances, which serve once they have been provisioned, have loaded the weights and have warmed up (`Hardware.start`), and cost from now on.',
  fields: {
    numInstances: count.describe('How many more.'),
    role: role.optional().describe('Of the new instances; `mixed` where not given.'),
  },
  capability: 'scales',
  moments: actingMoments,
  refusals: [
    '{numInstances} instances and {numInstances} more exceed the budget of {maxInstances}',
    'a new instance serves alone, and the whole model does not fit one',
  ],
});
