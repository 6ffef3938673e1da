import { assert } from '../base/assert.ts';
import type { Cluster } from './cluster.ts';
import type { InstanceGroup } from './group.ts';
import type { Request } from './request.ts';
import { hostBytes } from './swap.ts';

/**
 * What must hold between any two events. Checked after every event in tests and once at the end of every run; each has an
 * id that a failure names.
 */
export function checkInvariants(cluster: Cluster): void {
  for (const group of cluster.groups) {
    checkLayers(cluster, group);
    checkQueues(group);
    checkBlocks(group);
    checkDemand(group);
  }
  checkLedgers(cluster);
  checkSwapped(cluster);
  checkPlacement(cluster);
}

/** INV-layers: a group holds every layer exactly once, in stage order. */
function checkLayers(cluster: Cluster, group: InstanceGroup): void {
  let next = 0;
  for (const { layers } of group.pipeline) {
    assert(
      layers.first === next && layers.count > 0,
      'INV-layers',
      () => `group ${group.id} breaks at layer ${next}`,
    );
    next += layers.count;
  }
  const { numLayers } = cluster.model;
  assert(next === numLayers, 'INV-layers', () => `group ${group.id} holds ${next} of ${numLayers} layers`);
}

/** INV-queues: a request's status says which queue it stands in. */
function checkQueues(group: InstanceGroup): void {
  checkStatuses(group.waiting, 'waiting', ['queued', 'preempted']);
  checkStatuses(group.running, 'running', ['prefilling', 'decoding']);
  checkStatuses(group.swapped, 'swapped', ['swapping-out', 'swapped', 'swapping-in']);
}

function checkStatuses(requests: Iterable<Request>, queue: string, allowed: readonly string[]): void {
  for (const { id, status } of requests) {
    assert(
      allowed.includes(status.kind),
      'INV-queues',
      () => `request ${id} is ${status.kind} but stands in ${queue}`,
    );
  }
}

/** INV-blocks: blocks are held by running and moving requests only, enough for what has been computed. */
function checkBlocks(group: InstanceGroup): void {
  for (const request of group.waiting) {
    assert(
      request.kvBlocks === 0,
      'INV-blocks',
      () => `waiting request ${request.id} holds ${request.kvBlocks} blocks`,
    );
  }
  for (const request of group.running) {
    const needed = group.blocksFor(request.scheduledTokens);
    assert(
      request.kvBlocks >= needed,
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
function checkDemand(group: InstanceGroup): void {
  const sum = (requests: Iterable<Request>): number => {
    let blocks = 0;
    for (const request of requests) blocks += group.blocksFor(request.tokens);
    return blocks;
  };
  const waiting = sum(group.waiting);
  const all = waiting + sum(group.running) + sum(group.swapped);
  assert(
    group.waitingBlocks === waiting,
    'INV-demand',
    () => `group ${group.id}: ${group.waitingBlocks}, not ${waiting}`,
  );
  assert(
    group.demandBlocks === all,
    'INV-demand',
    () => `group ${group.id}: ${group.demandBlocks}, not ${all}`,
  );
}

/** INV-ledger: cells in use are exactly those of the requests, and the executor really holds them. */
function checkLedgers(cluster: Cluster): void {
  for (const group of cluster.groups) {
    let blocks = 0;
    for (const request of [...group.running, ...group.swapped]) blocks += request.kvBlocks;
    for (const { instance, layers } of group.layout.parts) {
      const { ledger } = instance;
      const cells = blocks * layers.count;
      assert(
        ledger.usedCells === cells,
        'INV-ledger',
        () => `instance ${instance.id}: ${ledger.usedCells}, not ${cells}`,
      );
      const bytes = ledger.weightBytes + ledger.reserveBytes + ledger.totalCells * ledger.cellBytes;
      assert(bytes <= ledger.budgetBytes, 'INV-ledger', () => `instance ${instance.id} is over its budget`);
      checkAgainstExecutor(cluster, instance.id, group.pipeline.length === 1);
    }
  }
}

/** INV-host: host memory and blocks on their way out are those of the swapped requests. */
function checkSwapped(cluster: Cluster): void {
  for (const group of cluster.groups) {
    const leaving = group.swapped.filter(({ status }) => status.kind === 'swapping-out');
    const blocks = leaving.reduce((sum, request) => sum + request.kvBlocks, 0);
    assert(
      group.pendingFreeBlocks === blocks,
      'INV-host',
      () => `group ${group.id}: ${group.pendingFreeBlocks}, not ${blocks}`,
    );
    for (const part of group.layout.parts) {
      const bytes = group.swapped.reduce((sum, request) => sum + hostBytes(cluster, request, part), 0);
      const { hostKvBytes, id } = part.instance;
      assert(
        hostKvBytes === bytes,
        'INV-host',
        () => `instance ${id}: ${hostKvBytes} B on the host, not ${bytes}`,
      );
    }
  }
}

/** INV-backend: tensors that exist are those that the ledger knows; stages of a pipeline take their cells later. */
function checkAgainstExecutor(cluster: Cluster, id: number, isExact: boolean): void {
  const audit = cluster.executor.audit(id);
  const ledger = cluster.instances[id]?.ledger;
  if (audit === undefined || ledger === undefined) return;
  const { weightBytes, totalCells, usedCells } = audit;
  const isRight =
    weightBytes === ledger.weightBytes &&
    totalCells === ledger.totalCells &&
    (isExact ? usedCells === ledger.usedCells : usedCells <= ledger.usedCells);
  assert(isRight, 'INV-backend', () => {
    const held = `${weightBytes} B weights, ${usedCells} of ${totalCells} cells`;
    return `instance ${id} holds ${held}; the ledger says ${ledger.weightBytes} B, ${ledger.usedCells} of ${ledger.totalCells}`;
  });
}

/** INV-once: every live request stands in exactly one place. */
function checkPlacement(cluster: Cluster): void {
  const seen = new Set<number>();
  const note = (request: Request): void => {
    assert(!seen.has(request.id), 'INV-once', () => `request ${request.id} stands in two places`);
    seen.add(request.id);
  };
  for (const request of cluster.held) note(request);
  for (const group of cluster.groups)
    for (const queue of [group.waiting, group.running, group.swapped]) [...queue].forEach(note);
  assert(
    seen.size === cluster.live.size,
    'INV-once',
    () => `${cluster.live.size} live requests, ${seen.size} placed`,
  );
}
