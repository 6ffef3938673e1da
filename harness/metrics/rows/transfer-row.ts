import { z } from 'zod';
import type { TransferRecord } from '../../core/observer.ts';
import { column, jsonRows, type RowOf } from './row-kind.ts';
import { count, timeUs } from './scalars.ts';

/** An instance, or the host memory or disk beside it. */
const place = z.union([count, z.enum(['host', 'disk'])]);

/** Transfers, in order of ending. */
export const transferRows = jsonRows<TransferRecord>()('transfers.jsonl', {
  kind: column(
    z.enum(['activations', 'attention', 'exchange', 'migration', 'swap-out', 'swap-in', 'weights']),
    ({ kind }) => kind,
  ),
  /** The request whose KV travelled; `null` for weights and activations. */
  request: column(count.nullable(), ({ requestId }) => requestId ?? null),
  source: column(place, ({ source }) => source),
  target: column(place, ({ target }) => target),
  bytes: column(count, ({ bytes }) => bytes),
  requested_us: column(timeUs, ({ requestedAtUs }) => requestedAtUs),
  /** First byte on the link. */
  started_us: column(timeUs, ({ startedAtUs }) => startedAtUs),
  ended_us: column(timeUs, ({ endedAtUs }) => endedAtUs),
});
export type TransferRow = RowOf<typeof transferRows>;
