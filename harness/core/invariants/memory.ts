import { assert } from '../../base/assert.ts';
import type { ExecutorAudit } from '../executor.ts';
import { hostBytes } from '../kv/swap.ts';
import type { Cluster } from '../state/cluster.ts';
import type { GroupStage, InstanceGroup } from '../state/group.ts';
import type { Instance } from '../state/instance.ts';
import type { Request } from '../state/request.ts';
import type { StepBatch } from '../state/step-batch.ts';
import type { Topology } from '../state/topology.ts';

/**
 * INV-ledger, INV-host: cells in use on an instance are exactly those of the requests that have or expect KV there, no
 * instance is over its budget, and host memory is that of the swapped requests.
 */
export function checkMemory(cluster: Cluster): void {
  const held = {
    cells: cluster.topology.instances.map(() => 0),
    hostBytes: cluster.topology.instances.map(() => 0),
  };
  for (const request of cluster.requests.live.values()) addHeld(cluster, held, request);
  for (const instance of cluster.topology.instances) {
    const { id, ledger, hostKvBytes } = instance;
    const cells = held.cells[id] ?? 0;
    assert(
      ledger.usedCells === cells,
      'INV-ledger',
      () => `instance ${id}: ${ledger.usedCells} cells, its requests have ${cells}`,
    );
    const { weightBytes, loadingBytes, reserveBytes, totalCells, cellBytes } = ledger;
    assert(
      weightBytes + loadingBytes + reserveBytes + totalCells * cellBytes <= ledger.budgetBytes,
      'INV-ledger',
      () => `instance ${id} is over its budget`,
    );
    assert(
      hostKvBytes === held.hostBytes[id],
      'INV-host',
      () => `instance ${id}: ${hostKvBytes} B on the host, not ${held.hostBytes[id]}`,
    );
  }
  checkAgainstExecutor(cluster);
}

/** Cells and host bytes that the requests have on each instance. */
interface Held {
  readonly cells: number[];
  readonly hostBytes: number[];
}

function addHeld(cluster: Cluster, held: Held, request: Request): void {
  const { kvBlocks } = request;
  for (const { instance, layers } of request.layout?.parts ?? []) {
    add(held.cells, instance, kvBlocks * layers.count);
  }
  for (const { to, layers } of request.kvMove?.moves ?? []) {
    add(held.cells, to, (request.kvMove?.numBlocks ?? 0) * layers.count);
  }
  for (const part of request.hostLayout?.parts ?? []) {
    add(held.hostBytes, part.instance, hostBytes(cluster, request, part));
  }
}

function add(sums: number[], { id }: Instance, amount: number): void {
  sums[id] = (sums[id] ?? 0) + amount;
}

/** Where a micro-batch under way may yet take cells in the executor that the ledger has given it already. */
function unsettledInstances(cluster: Cluster): Set<Instance> {
  const { topology } = cluster;
  const pending = topology.groups.flatMap((group) =>
    group.inFlight.filter((batch) => isYetToTake(topology, group, batch)),
  );
  const requests = pending.flatMap((batch) => batch.requests.slice(0, batch.size));
  for (const request of cluster.requests.live.values())
    if (hasSpareBlocks(cluster, request)) requests.push(request);
  const parts = requests.flatMap(({ layout, kvMove }) => [
    ...(layout?.parts ?? []),
    ...(kvMove?.layout.parts ?? []),
  ]);
  return new Set(parts.map(({ instance }) => instance));
}

function isYetToTake(topology: Topology, group: InstanceGroup, batch: StepBatch): boolean {
  const { member, isLast } = group.pipeline[batch.stageIndex] as GroupStage;
  return !isLast || topology.slotOf(member).current !== batch;
}

/** Blocks taken for a step that was abandoned: the next uses them. */
function hasSpareBlocks({ blockSizeTokens }: Cluster, request: Request): boolean {
  return request.kvBlocks > Math.ceil(request.scheduledTokens / blockSizeTokens);
}

/** INV-backend: tensors that exist are those that the ledger knows. */
function checkAgainstExecutor(cluster: Cluster): void {
  const { effects, topology } = cluster;
  // Found only where an executor can be audited: the simulated one has no tensors.
  let unsettled: ReadonlySet<Instance> | undefined;
  for (const instance of topology.instances) {
    const audit = instance.hasDevice ? effects.executor.audit(instance.id) : undefined;
    if (audit === undefined) continue;
    unsettled ??= unsettledInstances(cluster);
    checkAudit(instance, audit, !unsettled.has(instance));
  }
}

function checkAudit({ id, ledger }: Instance, audit: ExecutorAudit, isExact: boolean): void {
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
