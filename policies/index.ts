import type { PolicyDefinition } from '../harness/policy/index.ts';
import { chiron } from './chiron/chiron.ts';
import { fixed } from './fixed/fixed.ts';
import { hpa } from './hpa/hpa.ts';
import { kedaQueue } from './keda-queue/keda-queue.ts';
import { kunserve } from './kunserve/kunserve.ts';
import { leastLoaded } from './least-loaded/least-loaded.ts';
import { llumnixAutoscaler } from './llumnix/autoscaler.ts';
import { infaasPlusPlus } from './llumnix/infaas-plus-plus.ts';
import { llumnix, llumnixBase } from './llumnix/llumnix.ts';
import { memoryUtilisation } from './memory-utilisation/memory-utilisation.ts';
import { recompute } from './recompute/recompute.ts';
import { roundRobin } from './round-robin/round-robin.ts';
import { staticPipeline } from './static-pipeline/static-pipeline.ts';
import { swap } from './swap/swap.ts';
import { unlimited } from './unlimited/unlimited.ts';

/**
 * All built-in policies by the name that a configuration uses. Adding one takes its folder and one line here.
 */
export const policies = {
  'round-robin': roundRobin,
  'least-loaded': leastLoaded,
  'infaas-plus-plus': infaasPlusPlus,
  recompute,
  swap,
  unlimited,
  llumnix,
  'llumnix-base': llumnixBase,
  kunserve,
  'static-pipeline': staticPipeline,
  chiron,
  'llumnix-autoscaler': llumnixAutoscaler,
  hpa,
  'keda-queue': kedaQueue,
  'memory-utilisation': memoryUtilisation,
  fixed,
} as const satisfies Readonly<Record<string, PolicyDefinition>>;

export type PolicyName = keyof typeof policies;

// Compile-time check that each key equals the name that its policy declares.
policies satisfies { readonly [Name in PolicyName]: { readonly name: Name } };
