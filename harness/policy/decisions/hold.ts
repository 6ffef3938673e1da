import { oneOf } from '../fields.ts';
import { declareDecision } from './declare.ts';

export const hold = declareDecision({
  kind: 'hold',
  subject: 'requests',
  summary: 'Keeps the request at the cluster; it is asked about again when something has changed.',
  fields: {
    scope: oneOf(['request', 'class'])
      .optional()
      .describe(
        '`class`: nothing of its class can be placed now, so that the others of the class need not be asked about either. `request` where not given.',
      ),
  },
  capability: 'dispatches',
  moments: ['dispatch'],
  refusals: [],
});
