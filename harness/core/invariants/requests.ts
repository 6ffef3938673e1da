import { assert } from '../../base/assert.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import { Request, type RequestQueueOwner } from '../state/request.ts';
import { type QueueName, queueNames, queueOf } from '../state/request-state.ts';

/** INV-blocks: blocks are held by running and moving requests only, enough for what has been computed. */
export function checkBlocks(group: InstanceGroup): void {
  for (const request of group.waiting) {
    assert(
      request.kvBlocks === 0 && request.layout === undefined,
      'INV-blocks',
      () => `waiting request ${request.id} holds ${request.kvBlocks} blocks`,
    );
  }
  for (const request of [...group.running, ...group.stalled]) {
    const needed = group.blocksFor(request.scheduledTokens);
    assert(
      request.kvBlocks >= needed && (request.layout !== undefined || needed === 0),
      'INV-blocks',
      () => `request ${request.id}: ${request.kvBlocks} of ${needed} blocks`,
    );
    assert(
      request.computedTokens <= request.scheduledTokens && request.scheduledTokens <= request.tokens,
      'INV-tokens',
      () => `request ${request.id}: ${request.computedTokens} computed, ${request.scheduledTokens} scheduled`,
    );
  }
}

/** INV-demand: the group's sums are those of its requests. */
export function checkDemand(group: InstanceGroup): void {
  const sum = (requests: Iterable<Request>): number => {
    let blocks = 0;
    for (const request of requests) blocks += group.blocksFor(request.tokens);
    return blocks;
  };
  const waiting = sum(group.waiting);
  const all = waiting + sum(group.running) + sum(group.swapped) + sum(group.stalled);
  const { id, waitingBlocks, demandBlocks } = group;
  assert(
    waitingBlocks === waiting && demandBlocks === all,
    'INV-demand',
    () => `group ${id}: waiting and demand are ${waitingBlocks}, ${demandBlocks}, not ${waiting}, ${all}`,
  );
}

/** INV-queues: every live request stands in one queue, the one that its state says, of the owner that it names. */
export function checkQueues({ requests: { live, held }, topology }: Cluster): void {
  const seen = new Set<Request>();
  const check = (owner: RequestQueueOwner, queue: QueueName | 'held', requests: Iterable<Request>): void => {
    for (const request of requests) {
      const { id, state } = request;
      assert(
        Request.ownerOf(request) === owner && queueOf[state.kind] === queue && !seen.has(request),
        'INV-queues',
        () => `request ${id} is ${state.kind}, but stands in ${queue} of ${owner.groupId ?? 'the cluster'}`,
      );
      seen.add(request);
    }
  };
  check(held, 'held', held);
  for (const group of topology.groups) for (const name of queueNames) check(group, name, group[name]);
  assert(seen.size === live.size, 'INV-queues', () => `${live.size} live requests, ${seen.size} in queues`);
}
