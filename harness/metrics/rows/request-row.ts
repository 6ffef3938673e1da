import { z } from 'zod';
import type { RequestRecord } from '../../core/observer.ts';
import { column, jsonRows, type RowOf } from './row-kind.ts';
import { count, timeUs } from './scalars.ts';

/** Requests, in order of ending. */
export const requestRows = jsonRows<RequestRecord>()('requests.jsonl', {
  id: column(count, ({ id }) => id),
  /** The first request of its conversation; its own id where it is that. */
  session: column(count, ({ sessionId }) => sessionId),
  /** The turn before. */
  parent: column(count.nullable(), ({ parentId }) => parentId ?? null),
  class: column(z.string(), ({ className }) => className),
  status: column(z.enum(['finished', 'failed', 'rejected', 'aborted', 'unfinished']), ({ status }) => status),
  /** Why it failed or was rejected. */
  reason: column(z.string().optional(), ({ endReason }) => endReason),
  arrived_at_us: column(timeUs, ({ arrivedAtUs }) => arrivedAtUs),
  first_scheduled_at_us: column(timeUs.nullable(), ({ firstScheduledAtUs }) => firstScheduledAtUs ?? null),
  first_token_at_us: column(timeUs.nullable(), ({ firstTokenAtUs }) => firstTokenAtUs ?? null),
  ended_at_us: column(timeUs.nullable(), ({ endedAtUs }) => endedAtUs ?? null),
  prompt_tokens: column(count, ({ promptTokens }) => promptTokens),
  output_tokens: column(count, ({ outputTokens }) => outputTokens),
  /** Tokens really generated. */
  generated_tokens: column(count, ({ generatedTokens }) => generatedTokens),
  /** Largest gap between two consecutive tokens. */
  max_itl_us: column(timeUs.nullable(), ({ generatedTokens, maxTokenGapUs }) =>
    generatedTokens < 2 ? null : maxTokenGapUs,
  ),
  group: column(count.nullable(), ({ groupId }) => groupId ?? null),
  preemptions: column(count, ({ numPreemptions }) => numPreemptions),
  swaps: column(count, ({ numSwaps }) => numSwaps),
  migrations: column(count, ({ numMigrations }) => numMigrations),
  /** Total time between a preemption and the next scheduling. */
  preempted_us: column(timeUs, ({ preemptedUs }) => preemptedUs),
  /** Time stalled while its KV was being exchanged or moved. */
  stalled_us: column(timeUs, ({ stalledUs }) => stalledUs),
});
export type RequestRow = RowOf<typeof requestRows>;
