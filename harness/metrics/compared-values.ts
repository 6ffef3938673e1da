import { z } from 'zod';
import {
  type ComparedMetricKey,
  comparedClassMetricKeys,
  type ResampledMetricKey,
  resampledMetricKeys,
  seedMetricKeys,
} from './metrics.ts';
import { type ComparedCell, ofClass, SharedRequests } from './paired-run.ts';

/** What JSON has no number for: a request that never got its tokens is infinitely late. */
const infinite = 'infinite';

const comparedMetricKeys: readonly ComparedMetricKey[] = [...resampledMetricKeys, ...seedMetricKeys];

const valueSchema = z.union([z.number(), z.literal(infinite), z.null()]);
type ValuesShape = Record<ComparedMetricKey, typeof valueSchema>;

/**
 * What a comparison needs of a cell of which no requests are kept: each compared metric as a comparison computes it, with
 * requests without an answer infinitely late, where the summary leaves them out of its latencies. `null` where undefined.
 */
export const comparedValuesSchema = z.strictObject({
  policy: z.string(),
  seed: z.int(),
  /** By compared metric; every one of them is there. */
  values: z.strictObject(
    Object.fromEntries(comparedMetricKeys.map((key) => [key, valueSchema])) as ValuesShape,
  ),
  /** The same of each class, of metrics that classes are compared on; empty where all requests are of one. */
  classes: z.record(z.string(), z.partialRecord(z.enum(comparedClassMetricKeys), valueSchema)),
});
export type ComparedValues = z.infer<typeof comparedValuesSchema>;

/**
 * Takes them from a finished cell. A follow-up request that never arrived because its turn was never answered is unknown
 * here, while a comparison of whole cells counts it as never answered; the turn itself counts in both.
 */
export function comparedValues(cell: ComparedCell): ComparedValues {
  const { summary } = cell;
  const ofSeed = seedMetricKeys.map((key) => [key, summary[key]]);
  const values = {
    ...valuesOfRequests(cell, resampledMetricKeys),
    ...Object.fromEntries(ofSeed),
  } as ComparedValues['values'];
  const names = Object.keys(summary.classes);
  const classes = Object.fromEntries(
    (names.length < 2 ? [] : names).map((name) => [
      name,
      valuesOfRequests(ofClass(cell, name), comparedClassMetricKeys),
    ]),
  );
  return { policy: summary.policy, seed: summary.seed, values, classes };
}

function valuesOfRequests<Key extends ResampledMetricKey>(cell: ComparedCell, keys: readonly Key[]) {
  const requests = new SharedRequests([cell]);
  const values = keys.map((key) => [key, written(requests.valuesOf(key)[0] ?? Number.NaN)] as const);
  return Object.fromEntries(values) as Record<Key, z.infer<typeof valueSchema>>;
}

/** The metric as a number: `Infinity` where requests went unanswered, `NaN` where it is undefined. */
export function comparedValue({ values }: ComparedValues, metric: ComparedMetricKey): number {
  const value = values[metric] ?? Number.NaN;
  return value === infinite ? Number.POSITIVE_INFINITY : value;
}

function written(value: number): z.infer<typeof valueSchema> {
  if (value === Number.POSITIVE_INFINITY) return infinite;
  return Number.isNaN(value) ? null : value;
}
