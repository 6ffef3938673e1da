import { declareDecision } from './declare.ts';

export const wait = declareDecision({
  kind: 'wait',
  subject: 'requests',
  summary:
    'Answers memory pressure without giving anything up: memory is already on its way, so the request in need waits for the next step and no other policy is asked. Not logged, since it may be said at every step.',
  fields: {},
  capability: undefined,
  moments: ['onMemoryPressure'],
  refusals: [],
});
