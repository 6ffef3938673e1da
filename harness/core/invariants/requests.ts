import { assert } from '../../base/assert.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';

/** INV-queues: a request's status says which queue it stands in. */
export function checkQueues(group: InstanceGroup): void {
  checkStatuses(group, 'waiting', ['queued', 'preempted']);
  checkStatuses(group, 'running', ['prefilling', 'decoding']);
  checkStatuses(group, 'swapped', ['swapping-out', 'swapped', 'swapping-in']);
  checkStatuses(group, 'stalled', ['exchanging', 'migrating']);
}

function checkStatuses(
  group: InstanceGroup,
  queue: 'waiting' | 'running' | 'swapped' | 'stalled',
  allowed: readonly string[],
): void {
  for (const { id, status, groupId } of group[queue]) {
    assert(
      allowed.includes(status.kind) && groupId === group.id,
      'INV-queues',
      () => `request ${id} of group ${groupId} is ${status.kind} but stands in ${queue} of group ${group.id}`,
    );
  }
}

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
  const leaving = group.swapped.filter(({ status }) => status.kind === 'swapping-out');
  const freed = leaving.reduce((blocks, { kvBlocks }) => blocks + kvBlocks, 0);
  const sums = [group.waitingBlocks, group.demandBlocks, group.pendingFreeBlocks];
  assert(
    sums.every((blocks, index) => blocks === [waiting, all, freed][index]),
    'INV-demand',
    () =>
      `group ${group.id}: waiting, demand, leaving are ${sums.join(', ')}, not ${waiting}, ${all}, ${freed}`,
  );
}

/** INV-once: every live request stands in exactly one place. */
export function checkPlacement(cluster: Cluster): void {
  const seen = new Set<number>();
  const note = (request: Request): void => {
    assert(!seen.has(request.id), 'INV-once', () => `request ${request.id} stands in two places`);
    seen.add(request.id);
  };
  for (const request of cluster.requests.held) note(request);
  for (const group of cluster.topology.groups) {
    for (const queue of [group.waiting, group.running, group.swapped, group.stalled])
      [...queue].forEach(note);
  }
  assert(
    seen.size === cluster.requests.live.size,
    'INV-once',
    () => `${cluster.requests.live.size} live requests, ${seen.size} placed`,
  );
}
