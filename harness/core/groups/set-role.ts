import type { DecisionOf, Refusal } from '../../policy/decisions.ts';
import { planRetry } from '../lifecycle.ts';
import type { Cluster } from '../state/cluster.ts';
import { recordEach } from './record-each.ts';

/**
 * Gives the group's instances another role. Returns why it is refused, having changed nothing, or `undefined` once it
 * is done.
 */
export function setRole(
  cluster: Cluster,
  { groupId, role }: DecisionOf<'setRole'>,
): Refusal<'setRole'> | undefined {
  const group = cluster.topology.group(groupId);
  if (group === undefined) return `there is no group ${groupId}`;
  if (group.phase === 'retiring') return `group ${groupId} is retiring: its instances serve in other groups`;
  if (group.pipeline.every(({ member }) => member.role === role)) return undefined;
  for (const { member } of group.pipeline) member.role = role;
  recordEach(cluster.effects, group, 'roleChanged', `is ${role} now`);
  planRetry(cluster);
  return undefined;
}
