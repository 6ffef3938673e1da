import { z } from 'zod';
import type { InstanceSample } from '../../core/observer.ts';
import { column, csvRows, type RowOf } from './row-kind.ts';

const number = z.number();

/**
 * Samples: one row per moment and instance, long after wide would have been unreadable. Counts of requests, and the KV
 * that all waiting ones and the first of them need on this instance, stand on the first member of a group; tokens and
 * busy time are since the last sample. A released instance has one row that says so.
 */
export const timeseriesRows = csvRows<InstanceSample>()('timeseries.csv', {
  time_us: column(number, ({ timeUs }) => timeUs),
  instance: column(number, ({ instanceId }) => instanceId),
  group: column(number, ({ groupId }) => groupId),
  role: column(z.string(), ({ role }) => role),
  state: column(
    z.enum(['provisioning', 'loading', 'warming-up', 'ready', 'draining', 'stopped', 'failed']),
    ({ state }) => state,
  ),
  weight_bytes: column(number, ({ weightBytes }) => weightBytes),
  kv_used_bytes: column(number, ({ kvUsedBytes }) => kvUsedBytes),
  kv_free_bytes: column(number, ({ kvFreeBytes }) => kvFreeBytes),
  reserve_bytes: column(number, ({ reserveBytes }) => reserveBytes),
  loading_bytes: column(number, ({ loadingBytes }) => loadingBytes),
  dropped_bytes: column(number, ({ droppedBytes }) => droppedBytes),
  host_kv_bytes: column(number, ({ hostKvBytes }) => hostKvBytes),
  waiting_kv_bytes: column(number, ({ waitingKvBytes }) => waitingKvBytes),
  head_kv_bytes: column(number, ({ headKvBytes }) => headKvBytes),
  waiting: column(number, ({ numWaiting }) => numWaiting),
  running: column(number, ({ numRunning }) => numRunning),
  swapped: column(number, ({ numSwapped }) => numSwapped),
  exchanging: column(number, ({ numStalled }) => numStalled),
  prefill_tokens: column(number, ({ prefillTokens }) => prefillTokens),
  decode_tokens: column(number, ({ decodeTokens }) => decodeTokens),
  busy_us: column(number, ({ busyUs }) => busyUs),
});
export type TimeseriesRow = RowOf<typeof timeseriesRows>;
