import { applyDecisions } from '../apply-decision.ts';
import { endRequest } from '../lifecycle.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';

/** Whether the request needs more than the whole group can have: it would be given up and started again for ever. */
export function isTooLarge({ stack }: Cluster, group: InstanceGroup, request: Request): boolean {
  if (stack.can('unlimitedMemory')) return false;
  const { totalBlocks } = request.layout ?? group.layout;
  return group.blocksFor(request.tokens) > totalBlocks && !request.isInFlight;
}

/**
 * Has a request that is too large for its group served nevertheless: a policy merges the group into a larger one, or moves
 * the request to where it fits. Otherwise it fails. Whether it is still to be served in this group.
 */
export function growOrFail(cluster: Cluster, group: InstanceGroup, request: Request): boolean {
  const { totalBlocks } = request.layout ?? group.layout;
  growFor(cluster, group, request);
  const needed = group.blocksFor(request.tokens);
  if (group.isChanging || needed <= group.totalBlocks) return true;
  if (request.groupId === group.id) {
    endRequest(cluster, request, 'failed', `needs ${needed} KV blocks, its group has ${totalBlocks}`);
  }
  return false;
}

/** Asks the policies to merge the group with others, unless it is about to change anyway. */
function growFor(cluster: Cluster, group: InstanceGroup, request: Request): void {
  if (group.isChanging || !cluster.stack.can('dropsParameters')) return;
  const need = { requestId: request.id, blocks: group.blocksFor(request.tokens) - request.kvBlocks };
  for (const answer of cluster.stack.onMemoryPressure(group, need, cluster.loadReports.viewFrom(group))) {
    if (!answer.value.some(({ kind }) => kind === 'drop' || kind === 'cancelRestore')) continue;
    if (applyDecisions(cluster, 'onMemoryPressure', answer) > 0) return;
  }
}
