import type { DecisionOf, Refusal } from '../../policy/decisions.ts';
import { growMemory } from '../kv/grow-memory.ts';
import { swapIn } from '../kv/swap.ts';
import { recomputeElsewhere } from '../lifecycle.ts';
import type { Cluster } from '../state/cluster.ts';

/**
 * Takes blocks for a swapped request and copies its KV back. Returns why it is refused, having changed nothing, or
 * `undefined` once it has begun.
 */
export function beginSwapIn(
  cluster: Cluster,
  { requestId }: DecisionOf<'swapIn'>,
): Refusal<'swapIn'> | undefined {
  const request = cluster.requests.live.get(requestId);
  const group = request === undefined ? undefined : cluster.topology.groupOf(request);
  if (request === undefined || group === undefined) return `there is no live request ${requestId}`;
  if (request.state.kind !== 'swapped') return `request ${request.id} is ${request.state.kind}, not swapped`;
  const blocks = group.blocksFor(request.computedTokens);
  if (group.numAdmitted >= group.limits.maxRunning)
    return `${group.numAdmitted} requests run or come back already`;
  const missing = blocks - group.freeBlocks;
  if (missing > 0 && cluster.stack.can('unlimitedMemory')) growMemory(cluster.effects, group.layout, missing);
  else if (blocks > group.totalBlocks) {
    // It has come here from a larger group that is gone.
    recomputeElsewhere(cluster, request);
    return undefined;
  } else if (missing > 0) return `${blocks} blocks needed, ${group.freeBlocks} free`;
  swapIn(cluster, group, request);
  return undefined;
}
