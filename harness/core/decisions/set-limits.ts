import type { DecisionOf, Limits, Refusal } from '../../policy/decisions.ts';
import type { Cluster } from '../state/cluster.ts';

/** Changes a group's limits. Returns why it is refused, having changed nothing, or `undefined`. */
export function setLimits(
  cluster: Cluster,
  decision: DecisionOf<'setLimits'>,
): Refusal<'setLimits'> | undefined {
  const group = cluster.topology.group(decision.groupId);
  if (group === undefined) return `there is no group ${decision.groupId}`;
  const limits: Limits = { ...group.limits, ...decision.limits };
  // Saying the same limits before every step must not wake the group for ever.
  if (Object.entries(limits).every(([name, value]) => group.limits[name as keyof Limits] === value))
    return undefined;
  group.limits = limits;
  cluster.effects.wake(group);
  return undefined;
}
