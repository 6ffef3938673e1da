import { z } from 'zod';
import type { DecisionRecord } from '../../core/observer.ts';
import { decisionKinds } from '../../policy/decisions.ts';
import { decidingMoments } from '../../policy/moments.ts';
import { column, jsonRows, type RowOf } from './row-kind.ts';
import { timeUs } from './scalars.ts';

/** Decisions of the policies, in the order in which they were given. */
export const decisionRows = jsonRows<DecisionRecord>()('decisions.jsonl', {
  time_us: column(timeUs, (record) => record.timeUs),
  policy: column(z.string(), ({ policy }) => policy),
  moment: column(z.enum(decidingMoments), ({ moment }) => moment),
  kind: column(z.enum(decisionKinds), ({ kind }) => kind),
  /** The decision's data, without kind and reason. */
  data: column(z.record(z.string(), z.unknown()), ({ data }) => data),
  reason: column(z.string(), ({ reason }) => reason),
  outcome: column(z.enum(['applied', 'rejected']), ({ outcome }) => outcome),
  /** Why the core refused it. */
  error: column(z.string().optional(), ({ error }) => error),
});
export type DecisionRow = RowOf<typeof decisionRows>;
