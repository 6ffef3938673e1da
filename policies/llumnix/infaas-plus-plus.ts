import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';
import { dispatchParams, FreestDispatch } from './dispatch.ts';

/**
 * INFaaS++, the baseline that Llumnix (section 6) is compared with: INFaaS, made to look at GPU memory and at what queued
 * requests will need. In the authors' code it is Llumnix's own dispatch, by the same freeness, without migration and
 * priorities; so it is here. (`least-loaded` fits the same words: the share of the memory that is asked for, however many
 * requests share the rest.)
 */
export const infaasPlusPlus = definePolicy({
  name: 'infaas-plus-plus',
  family: 'support',
  summary:
    'Dispatches to the instance whose memory, queue included, lasts longest (the INFaaS++ baseline of Llumnix).',
  params: z.strictObject(dispatchParams),
  capabilities: { dispatches: true },
  create: (settings) => {
    const freest = new FreestDispatch(settings);
    return { dispatch: (request, view) => freest.dispatch(request, view) };
  },
});
