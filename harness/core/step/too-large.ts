import { applyDecisions } from '../apply-decision.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import { endRequest } from '../lifecycle.ts';
import type { Request } from '../state/request.ts';

/**
 * A request larger than the whole group would be given up and started again for ever: it fails instead, unless a policy
 * merges the group into a larger one.
 */
export function cannotEverFit(cluster: Cluster, group: InstanceGroup, request: Request): boolean {
  const needed = group.blocksFor(request.tokens);
  const { totalBlocks } = request.layout ?? group.layout;
  if (needed <= totalBlocks || request.isInFlight || willGrow(cluster, group, request)) return false;
  // The answer was to move it to where it fits, perhaps.
  if (request.groupId !== group.id) return true;
  endRequest(cluster, request, 'failed', `needs ${needed} KV blocks, its group has ${totalBlocks}`);
  return true;
}

function willGrow(cluster: Cluster, group: InstanceGroup, request: Request): boolean {
  if (group.isChanging) return true;
  if (!cluster.stack.can('dropsParameters')) return false;
  const need = { requestId: request.id, blocks: group.blocksFor(request.tokens) - request.kvBlocks };
  for (const answer of cluster.stack.onMemoryPressure(group, need, cluster.reports.viewFrom(group))) {
    if (!answer.value.some(({ kind }) => kind === 'drop' || kind === 'cancelRestore')) continue;
    if (applyDecisions(cluster, 'onMemoryPressure', answer) > 0) break;
  }
  return group.isChanging || group.blocksFor(request.tokens) <= group.totalBlocks;
}
