import { definePolicy, type GroupView, type RequestView } from 'servebench/policy';
import { z } from 'zod';

/** Parameters with their defaults; a configuration overrides them with `{ use: ..., params: { ... } }`. */
const params = z.strictObject({
  /** Give up the request that has generated the fewest tokens (least work lost) instead of the one admitted last. */
  fewestTokensFirst: z.boolean().default(true),
});

export default definePolicy({
  name: 'policy-name',
  family: 'kv-centric',
  summary: 'When memory runs out, recomputes the running request that loses the least work.',
  params,
  // What the policy does; the bench refuses a configuration that needs more than its stack can do.
  capabilities: { preempts: ['recompute'] },

  // Called once for a run. Keep private state in here; random numbers come from `deps.rng` only.
  create: ({ fewestTokensFirst }) => ({
    // A running request needs blocks that the group does not have: return decisions, or nothing to let the next policy
    // of the stack answer. The core checks, applies and logs each decision.
    onMemoryPressure: (group, need) => {
      const victim = chooseVictim(group, fewestTokensFirst);
      if (victim === undefined) return undefined;
      const reason = `request ${need.requestId} needs ${need.blocks} blocks; this one has ${victim.generatedTokens} tokens`;
      return [{ kind: 'preempt', requestId: victim.id, mode: 'recompute', reason }];
    },
  }),
});

function chooseVictim(group: GroupView, fewestTokensFirst: boolean): RequestView | undefined {
  // A request in a step that has not come back cannot be given up now.
  const movable = [...group.running].filter((request) => !request.isInFlight);
  // The oldest one always goes on, so that the group as a whole does.
  const candidates = movable.length > 1 ? movable.slice(1) : movable;
  if (fewestTokensFirst) candidates.sort((a, b) => b.generatedTokens - a.generatedTokens);
  return candidates.at(-1);
}
