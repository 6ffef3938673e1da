import { z } from 'zod';
import { definePolicy } from '../../harness/policy/index.ts';
import { dispatchParams, FreestDispatch } from './dispatch.ts';

/**
 * INFaaS++, the baseline that Llumnix is compared with (section 6): INFaaS, extended to consider GPU memory
 * and the demand of queued requests. In the authors' code it is Llumnix's own dispatch by freeness, without
 * migration and priorities, and so it is here. (`least-loaded` also fits the paper's description; it compares
 * the share of memory in demand regardless of the number of requests.)
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
