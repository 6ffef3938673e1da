import { definePolicy, type GroupView, type RequestView } from 'servebench/policy';
import { z } from 'zod';

/** Parameters with their defaults; a configuration overrides them with `{ use: ..., params: { ... } }`. */
const params = z.strictObject({
  /**
   * Preempt the request that has generated the fewest tokens (least work lost) instead of the one admitted
   * last.
   */
  fewestTokensFirst: z.boolean().default(true),
});

export default definePolicy({
  name: 'policy-name',
  family: 'kv-centric',
  summary: 'When memory runs out, recomputes the running request that loses the least work.',
  params,
  // Declares what the policy does; the bench refuses a configuration that needs more than its stack can do.
  capabilities: { preempts: ['recompute'] },

  // Called once per run. Keep private state in here, and take random numbers from `deps.rng` only.
  create: ({ fewestTokensFirst }) => ({
    // Asked when a running request needs blocks that the group does not have. Return decisions, or undefined
    // to let the next policy of the stack answer. The core checks, applies and logs each decision.
    onMemoryPressure: (group, need) => {
      const victim = chooseVictim(group, fewestTokensFirst);
      if (victim === undefined) return undefined;
      const reason = `request ${need.requestId} needs ${need.blocks} blocks; this one has ${victim.generatedTokens} tokens`;
      return [{ kind: 'preempt', requestId: victim.id, mode: 'recompute', reason }];
    },
  }),
});

function chooseVictim(group: GroupView, fewestTokensFirst: boolean): RequestView | undefined {
  // A request in a step cannot be preempted now.
  const movable = [...group.running].filter((request) => !request.isInFlight);
  // Of several candidates the oldest is spared, so that the group always makes progress.
  const candidates = movable.length > 1 ? movable.slice(1) : movable;
  if (fewestTokensFirst) candidates.sort((a, b) => b.generatedTokens - a.generatedTokens);
  return candidates.at(-1);
}
