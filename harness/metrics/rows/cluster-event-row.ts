import { z } from 'zod';
import type { ClusterEventRecord } from '../../core/observer.ts';
import { column, jsonRows, type RowOf } from './row-kind.ts';
import { count, timeUs } from './scalars.ts';

/** Moments of the cluster that matter to a reader. */
export const clusterEventRows = jsonRows<ClusterEventRecord>()('events.jsonl', {
  time_us: column(timeUs, (record) => record.timeUs),
  kind: column(z.string(), ({ kind }) => kind),
  instance: column(count.nullable(), ({ instanceId }) => instanceId ?? null),
  group: column(count.nullable(), ({ groupId }) => groupId ?? null),
  detail: column(z.string(), ({ detail }) => detail),
});
export type ClusterEventRow = RowOf<typeof clusterEventRows>;
