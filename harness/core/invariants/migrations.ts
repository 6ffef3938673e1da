import { assert } from '../../base/assert.ts';
import type { GroupId } from '../../domain/ids.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import type { Migration } from '../state/request-state.ts';

/** INV-migration: groups count what their requests do. */
export function checkMigrations({ topology: { groups }, requests: { live } }: Cluster): void {
  const migrations: Migration[] = [];
  for (const request of live.values()) {
    checkMigration(request);
    if (request.migration !== undefined) migrations.push(request.migration);
  }
  const numOut = countBy(migrations, ({ fromGroupId }) => fromGroupId);
  const numIn = countBy(migrations, ({ toGroupId }) => toGroupId);
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
  const owner = isStopped ? migration.toGroupId : migration?.fromGroupId;
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
    const isOpen = migrations.some(
      ({ toGroupId, stoppedAtUs }) => toGroupId === id && stoppedAtUs === undefined,
    );
    assert(
      waiting.length === 0 && !isOpen,
      'INV-drain',
      () => `group ${id} drains, but ${waiting.length} requests wait there, or migrate to it`,
    );
  }
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => GroupId): ReadonlyMap<GroupId, number> {
  const counts = new Map<GroupId, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
