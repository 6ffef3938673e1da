import { declareDecision } from './declare.ts';

export const reject = declareDecision({
  kind: 'reject',
  subject: 'requests',
  summary: 'Turns the request away for good, with the reason of the decision.',
  fields: {},
  capability: 'dispatches',
  moments: ['dispatch'],
  refusals: [],
});
