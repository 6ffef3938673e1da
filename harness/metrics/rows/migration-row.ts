import { z } from 'zod';
import type { MigrationRecord } from '../../core/observer.ts';
import { column, jsonRows, type RowOf } from './row-kind.ts';
import { count, timeUs } from './scalars.ts';

/** Running requests that moved to another group, or tried to, in order of ending. */
export const migrationRows = jsonRows<MigrationRecord>()('migrations.jsonl', {
  request: column(count, ({ requestId }) => requestId),
  from_group: column(count, ({ fromGroupId }) => fromGroupId),
  to_group: column(count, ({ toGroupId }) => toGroupId),
  /** First members of the groups. */
  from_instance: column(count, ({ fromInstanceId }) => fromInstanceId),
  to_instance: column(count, ({ toInstanceId }) => toInstanceId),
  protocol: column(z.enum(['live', 'blocking', 'recompute']), ({ protocol }) => protocol),
  /** Tokens of the request at the end. */
  tokens: column(count, ({ tokens }) => tokens),
  /** Copies begun; 0 where nothing was copied. */
  stages: column(count, ({ numStages }) => numStages),
  /** KV bytes of these copies, cancelled ones included. */
  bytes: column(count, ({ bytes }) => bytes),
  started_us: column(timeUs, ({ startedAtUs }) => startedAtUs),
  /** When the request was stopped for the last stage; `null` if it never was. */
  stopped_us: column(timeUs.nullable(), ({ stoppedAtUs }) => stoppedAtUs ?? null),
  ended_us: column(timeUs, ({ endedAtUs }) => endedAtUs),
  /** Ended - stopped; `null` where it was aborted, and for `recompute`, which ends before the request runs again. */
  downtime_us: column(timeUs.nullable(), (record) => downtimeUs(record) ?? null),
  outcome: column(z.enum(['done', 'aborted']), ({ abortReason }) =>
    abortReason === undefined ? 'done' : 'aborted',
  ),
  /** Why it was aborted. */
  reason: column(z.string().optional(), ({ abortReason }) => abortReason),
});
export type MigrationRow = RowOf<typeof migrationRows>;

/**
 * How long the request stood still for its migration; `undefined` where it was aborted, and for `recompute`, where the
 * request has yet to be computed again when the migration ends.
 */
export function downtimeUs(record: MigrationRecord): number | undefined {
  const { stoppedAtUs, endedAtUs, abortReason, protocol } = record;
  if (stoppedAtUs === undefined || abortReason !== undefined || protocol === 'recompute') return undefined;
  return endedAtUs - stoppedAtUs;
}
