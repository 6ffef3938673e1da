import type { PolicyDefinition } from '../harness/policy/index.ts';
import { kunserve } from './kunserve/kunserve.ts';
import { leastLoaded } from './least-loaded/least-loaded.ts';
import { recompute } from './recompute/recompute.ts';
import { roundRobin } from './round-robin/round-robin.ts';
import { staticPipeline } from './static-pipeline/static-pipeline.ts';
import { swap } from './swap/swap.ts';
import { unlimited } from './unlimited/unlimited.ts';

/** Every built-in policy, by the name that a configuration uses. A new one is its folder plus one line here. */
export const policies = {
  'round-robin': roundRobin,
  'least-loaded': leastLoaded,
  recompute,
  swap,
  unlimited,
  kunserve,
  'static-pipeline': staticPipeline,
} as const satisfies Readonly<Record<string, PolicyDefinition>>;

export type PolicyName = keyof typeof policies;

// The key that a configuration uses and the name that a policy declares cannot drift apart.
policies satisfies { readonly [Name in PolicyName]: { readonly name: Name } };
