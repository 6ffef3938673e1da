import { z } from 'zod';
import type { Metric, Unit } from './metric.ts';
import {
  classMetricKeys,
  clusterMetricKeys,
  type MetricKey,
  metricOf,
  serviceMetricKeys,
  type ValueOf,
} from './metrics.ts';
import { count } from './rows/scalars.ts';

export type { DecisionRow } from './rows/decision-row.ts';
export type { MigrationRow } from './rows/migration-row.ts';
export type { RequestRow } from './rows/request-row.ts';
export type { TimeseriesRow } from './rows/timeseries-row.ts';

/**
 * The documents of a results folder; the rows of its cells are in `rows/`. Together they are the interface for everything
 * that reads results. Times ending in `_us` are integer microseconds on the cell's clock, `_ms` are milliseconds; `null`
 * means undefined (see each metric's formula). Every change of a key or column raises the version, and readers refuse any
 * but their own.
 */
export const schemaVersion = 4;

const metric = z.number().nullable();

const wholeUnits: ReadonlySet<Unit> = new Set(['requests', 'tokens', 'bytes', 'count']);

function valueSchema({ unit, isWhole, undefinedWhen }: Metric): z.ZodType<number | null> {
  const number = wholeUnits.has(unit) && isWhole !== false ? count : z.number();
  return undefinedWhen === undefined ? number : number.nullable();
}

/** Each class's own figures, by its name. */
const classesSchema = z.record(z.string(), z.strictObject(shapeOf(classMetricKeys)));

/** One object of `summary.json`'s `cells`: the metrics of one policy stack with one seed. */
export const cellSummarySchema = z.strictObject({
  id: z.string(),
  policy: z.string(),
  seed: z.int(),
  ...shapeOf(serviceMetricKeys),
  classes: classesSchema,
  ...shapeOf(clusterMetricKeys),
  /** What the policies say about themselves: `policy.figure`. */
  policy_stats: z.record(z.string(), metric),
});
export type CellSummary = z.infer<typeof cellSummarySchema>;

/** A schema for each of these metrics. */
function shapeOf<Key extends MetricKey>(keys: readonly Key[]): { [K in Key]: z.ZodType<ValueOf<K>> } {
  return Object.fromEntries(keys.map((key) => [key, valueSchema(metricOf(key))])) as {
    [K in Key]: z.ZodType<ValueOf<K>>;
  };
}

/**
 * A policy against the baseline on one metric, paired by seed and request. A request that never got its tokens counts
 * as infinitely late, so that no policy wins by refusing work; what is infinite is written as `null`.
 */
export const comparisonSchema = z.strictObject({
  policy: z.string(),
  baseline: z.string(),
  /** Key of a cell's summary. */
  metric: z.string(),
  /** Mean over the seeds that both policies finished; over the measured ones where others were simulated only. */
  value: metric,
  baseline_value: metric,
  /** value / baseline_value; where measured seeds have simulated twins, the estimate from all seeds. */
  ratio: metric,
  /** 95 % interval of the ratio; a `null` end is unbounded. */
  ratio_low: metric,
  ratio_high: metric,
  /** value - baseline_value with its 95 % interval; only where a zero leaves the ratio undefined. */
  difference: metric.optional(),
  difference_low: metric.optional(),
  difference_high: metric.optional(),
  /** Where measured seeds have simulated twins: means over all simulated seeds, and how many seeds of each there are. */
  simulated_value: metric.optional(),
  simulated_baseline_value: metric.optional(),
  num_measured_seeds: count.optional(),
  num_simulated_seeds: count.optional(),
  /**
   * Whether the two differ, and which way. Corrected for the number of policies that are compared on the metric (Holm), which
   * the interval is not: it can leave out 1 where nothing can be told.
   */
  verdict: z.enum(['better', 'worse', 'cannot tell']),
});
export type Comparison = z.infer<typeof comparisonSchema>;

export const summarySchema = z.strictObject({
  schema_version: z.literal(schemaVersion),
  name: z.string(),
  cells: z.array(cellSummarySchema),
  comparisons: z.array(comparisonSchema),
});
export type Summary = z.infer<typeof summarySchema>;

/** What a policy stack is, so that a report can group stacks by family. */
export const stackSchema = z.strictObject({
  name: z.string(),
  family: z.enum(['kv-centric', 'parameter-centric', 'autoscaling', 'bound', 'mixed', 'other']),
  policies: z.array(z.strictObject({ name: z.string(), params: z.record(z.string(), z.unknown()) })),
  /** Sees true output lengths. */
  is_oracle: z.boolean(),
});
export type StackInfo = z.infer<typeof stackSchema>;

export const manifestCellSchema = z.strictObject({
  id: z.string(),
  policy: z.string(),
  seed: z.int(),
  status: z.enum(['done', 'failed', 'missing']),
  error: z.string().optional(),
  /** What makes this cell's figures doubtful, in sentences. */
  warnings: z.array(z.string()).optional(),
  /** Wall-clock figures of the run; they differ between two runs of the same cell. */
  wall_ms: z.number().optional(),
  /** Wall time inside the executor's steps, and outside them (core, policies, recording). */
  step_wall_ms: z.number().optional(),
  overhead_wall_ms: z.number().optional(),
  verify_wall_ms: z.number().optional(),
});
export type ManifestCell = z.infer<typeof manifestCellSchema>;

export const manifestSchema = z.strictObject({
  schema_version: z.literal(schemaVersion),
  name: z.string(),
  created_at: z.string(),
  /** As given by the user, for re-running. */
  command: z.string(),
  /** Everything after resolution, defaults included (harness/config). */
  config: z.record(z.string(), z.unknown()),
  seeds: z.array(z.int()),
  baseline: z.string(),
  stacks: z.array(stackSchema),
  versions: z.record(z.string(), z.string()),
  commit: z.string().nullable(),
  backend: z.strictObject({
    /** `tensorflow 2.21.0`, or `simulated`. */
    name: z.string(),
    mode: z.enum(['measure', 'simulate', 'replay']),
    device: z.string(),
  }),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  traces: z.array(z.strictObject({ file: z.string(), sha256: z.string() })),
  scale_model: z.array(
    z.strictObject({
      key: z.string(),
      label: z.string(),
      value: metric,
      reference: metric,
      source: z.string(),
    }),
  ),
  cells: z.array(manifestCellSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;
