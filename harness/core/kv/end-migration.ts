import type { Cluster } from '../state/cluster.ts';
import type { Request } from '../state/request.ts';
import type { Migration } from '../state/request-state.ts';

/**
 * Ends the counting of a migration that is done, or was aborted for `abortReason`: the groups' counts, the record, and the
 * policies' event, which comes once the state is whole again. The request's own state is the caller's to change.
 */
export function endMigration(
  cluster: Cluster,
  request: Request,
  migration: Migration,
  abortReason?: string,
): void {
  const { fromGroupId: from, toGroupId: to, protocol, ...rest } = migration;
  const source = cluster.topology.group(from);
  const target = cluster.topology.group(to);
  if (source !== undefined) source.numMigratingOut -= 1;
  if (target !== undefined) target.numMigratingIn -= 1;
  cluster.effects.observer.migrationEnded({
    requestId: request.id,
    fromGroupId: from,
    toGroupId: to,
    fromInstanceId: rest.fromInstanceId,
    toInstanceId: rest.toInstanceId,
    protocol: protocol.kind,
    tokens: request.tokens,
    numStages: rest.numStages,
    bytes: rest.bytes,
    startedAtUs: rest.startedAtUs,
    stoppedAtUs: rest.stoppedAtUs,
    endedAtUs: cluster.nowUs,
    abortReason,
  });
  const about = { requestId: request.id, from, to };
  cluster.effects.notifyPoliciesLater(
    abortReason === undefined
      ? { kind: 'migrationDone', ...about }
      : { kind: 'migrationAborted', ...about, reason: abortReason },
  );
}
