import { assert } from '../base/assert.ts';
import type { Cluster } from './state/cluster.ts';
import type { GroupStage, InstanceGroup } from './state/group.ts';
import type { Instance } from './state/instance.ts';
import type { Request } from './state/request.ts';
import type { Migration } from './state/request-state.ts';
import type { StepBatch } from './state/step-batch.ts';
import type { Topology } from './state/topology.ts';
import { hostBytes } from './kv/swap.ts';

/**
 * What must hold between any two events. Checked after every event in tests and once at the end of every run; each has an
 * id that a failure names.
 */
export function checkInvariants(cluster: Cluster): void {
  for (const group of cluster.topology.groups) {
    checkLayers(cluster, group);
    checkQueues(group);
    checkBlocks(group);
    checkDemand(group);
  }
  checkMembers(cluster);
  checkPlaces(cluster);
  checkTransitions(cluster);
  checkMigrations(cluster);
  checkMemory(cluster);
  checkPlacement(cluster);
}

/** INV-layers: a group holds every layer exactly once, in stage order, and its members have the weights, or load them. */
function checkLayers(cluster: Cluster, group: InstanceGroup): void {
  let next = 0;
  for (const { member, layers } of group.pipeline) {
    const isHeld = member.holds(layers.first) && member.holds(layers.first + layers.count - 1);
    assert(
      layers.first === next && layers.count > 0 && (isHeld || group.phase === 'loading'),
      'INV-layers',
      () => `group ${group.id} breaks at layer ${next}`,
    );
    next += layers.count;
  }
  const { numLayers } = cluster.model;
  assert(next === numLayers, 'INV-layers', () => `group ${group.id} holds ${next} of ${numLayers} layers`);
}

/**
 * INV-members: an instance that has not failed and was not released serves in one group, and beside it only in groups that
 * retire; one that is ready or drains stands in a group that does likewise; nobody has KV on one without a device.
 */
function checkMembers(cluster: Cluster): void {
  for (const instance of cluster.topology.instances) {
    const { id, state, isGone } = instance;
    const groups = cluster.topology.groupsOn(instance);
    const home = cluster.topology.homeOf(instance);
    const serving = groups.filter(({ phase }) => phase !== 'retiring').length;
    assert(serving === (isGone ? 0 : 1), 'INV-members', () => `instance ${id} is in ${serving} groups`);
    assert(
      groups.every((group) => cluster.topology.group(group.id) === group),
      'INV-members',
      () => `instance ${id} is in a group that is gone`,
    );
    const isOpen = home !== undefined && home.phase !== 'loading';
    assert(
      isOpen === (state === 'ready' || state === 'draining') &&
        (state === 'draining') === (home?.phase === 'draining'),
      'INV-members',
      () => `instance ${id} is ${state}, its group ${home?.phase ?? 'gone'}`,
    );
  }
}

function checkPlaces(cluster: Cluster): void {
  for (const { id, layout, hostLayout, arrival } of cluster.requests.live.values()) {
    for (const place of [layout, hostLayout, arrival?.layout]) {
      const lost = place?.parts.find(({ instance }) => !instance.hasDevice)?.instance.id;
      assert(
        lost === undefined,
        'INV-members',
        () => `request ${id} has KV on instance ${lost}, which is not there`,
      );
    }
  }
}

/** INV-transition: no change of groups waits that could happen; a wake that is planned for this time may still bring it. */
function checkTransitions({ topology }: Cluster): void {
  for (const { id, transitions } of topology.groups) {
    for (const { groups: concerned } of transitions) {
      assert(
        concerned.some((group) => !group.isIdle || group.isWakePlanned),
        'INV-transition',
        () => `group ${id} waits for a change that nothing stands in the way of`,
      );
    }
  }
}

/** INV-migration: groups count what their requests do. */
function checkMigrations({ topology: { groups }, requests: { live } }: Cluster): void {
  const migrations: Migration[] = [];
  for (const request of live.values()) {
    checkMigration(request);
    if (request.migration !== undefined) migrations.push(request.migration);
  }
  const numOut = countBy(migrations, ({ fromGroup }) => fromGroup);
  const numIn = countBy(migrations, ({ toGroup }) => toGroup);
  for (const { id, numMigratingOut, numMigratingIn } of groups) {
    assert(
      numMigratingOut === (numOut.get(id) ?? 0) && numMigratingIn === (numIn.get(id) ?? 0),
      'INV-migration',
      () => `group ${id} counts ${numMigratingOut} out, ${numMigratingIn} in; its requests say otherwise`,
    );
  }
  checkDrains(groups, migrations);
}

/** INV-migration: a request is its source's until it is stopped, then the target's; it is stopped once no step holds it. */
function checkMigration({ id, status, migration, groupId, isStopping, isInFlight }: Request): void {
  const isStopped = migration?.stoppedAtUs !== undefined;
  const owner = isStopped ? migration.toGroup : migration?.fromGroup;
  assert(
    isStopped === (status.kind === 'migrating') && (migration === undefined || groupId === owner),
    'INV-migration',
    () => `request ${id} is ${status.kind} in group ${groupId}`,
  );
  assert(
    !isStopping || isInFlight,
    'INV-migration',
    () => `request ${id} could be stopped for its migration`,
  );
}

/** INV-drain: nothing waits in a group that drains, and nothing is on its way there but what was stopped for it before. */
function checkDrains(groups: Iterable<InstanceGroup>, migrations: readonly Migration[]): void {
  for (const { id, phase, waiting } of groups) {
    if (phase !== 'draining') continue;
    const isOpen = migrations.some(({ toGroup, stoppedAtUs }) => toGroup === id && stoppedAtUs === undefined);
    assert(
      waiting.length === 0 && !isOpen,
      'INV-drain',
      () => `group ${id} drains, but ${waiting.length} requests wait there, or migrate to it`,
    );
  }
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => number): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

/** INV-queues: a request's status says which queue it stands in. */
function checkQueues(group: InstanceGroup): void {
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
function checkBlocks(group: InstanceGroup): void {
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
function checkDemand(group: InstanceGroup): void {
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

/** Cells and host bytes that the requests have on each instance. */
interface Held {
  readonly cells: number[];
  readonly hostBytes: number[];
}

/**
 * INV-ledger, INV-host: cells in use on an instance are exactly those of the requests that have or expect KV there, no
 * instance is over its budget, and host memory is that of the swapped requests.
 */
function checkMemory(cluster: Cluster): void {
  const held = {
    cells: cluster.topology.instances.map(() => 0),
    hostBytes: cluster.topology.instances.map(() => 0),
  };
  for (const request of cluster.requests.live.values()) addHeld(cluster, held, request);
  const unsettled = unsettledInstances(cluster);
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
    if (instance.hasDevice) checkAgainstExecutor(cluster, instance, !unsettled.has(instance));
  }
}

function addHeld(cluster: Cluster, held: Held, request: Request): void {
  const { kvBlocks } = request;
  for (const { instance, layers } of request.layout?.parts ?? []) {
    add(held.cells, instance, kvBlocks * layers.count);
  }
  for (const { to, layers } of request.arrival?.moves ?? []) {
    add(held.cells, to, (request.arrival?.numBlocks ?? 0) * layers.count);
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
  const parts = requests.flatMap(({ layout, arrival }) => [
    ...(layout?.parts ?? []),
    ...(arrival?.layout.parts ?? []),
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
function checkAgainstExecutor(cluster: Cluster, { id, ledger }: Instance, isExact: boolean): void {
  const audit = cluster.effects.executor.audit(id);
  if (audit === undefined) return;
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
