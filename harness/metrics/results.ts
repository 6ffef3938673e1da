import { z } from 'zod';
import { profileSchema } from '../domain/profile-schema.ts';
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
export const schemaVersion = 6;

const metric = z.number().nullable();

const wholeUnits: ReadonlySet<Unit> = new Set(['requests', 'tokens', 'bytes', 'count']);

function valueSchema({ unit, isWhole, undefinedWhen }: Metric): z.ZodType<number | null> {
  const number = wholeUnits.has(unit) && isWhole !== false ? count : z.number();
  return undefinedWhen === undefined ? number : number.nullable();
}

/** The metrics of each class of requests, by the name of the class. */
const classesSchema = z.record(z.string(), z.strictObject(shapeOf(classMetricKeys)));

/** One object of `summary.json`'s `cells`: the metrics of one policy stack with one seed. */
export const cellSummarySchema = z.strictObject({
  id: z.string(),
  policy: z.string(),
  seed: z.int(),
  ...shapeOf(serviceMetricKeys),
  classes: classesSchema,
  ...shapeOf(clusterMetricKeys),
  /** Figures that the policies report about themselves, under keys of the form `policy.figure`. */
  policy_stats: z.record(z.string(), metric),
});
export type CellSummary = z.infer<typeof cellSummarySchema>;

/** Returns the shape of an object that holds these metrics: `null` is allowed only where a metric can be undefined. */
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
  /** The key of the metric in a cell's summary. */
  metric: z.string(),
  /** The mean over the seeds that both policies finished; over the measured ones where others were simulated only. */
  value: metric,
  baseline_value: metric,
  /** The quotient value / baseline_value; where measured seeds have simulated twins, the estimate from all seeds. */
  ratio: metric,
  /** The 95 % confidence interval of the ratio. An end that is `null` has no bound. */
  ratio_low: metric,
  ratio_high: metric,
  /**
   * The difference value - baseline_value with its 95 % confidence interval. It is given only where a zero leaves the
   * ratio undefined.
   */
  difference: metric.optional(),
  difference_low: metric.optional(),
  difference_high: metric.optional(),
  /** Where measured seeds have simulated twins: means over all simulated seeds, and how many seeds of each there are. */
  simulated_value: metric.optional(),
  simulated_baseline_value: metric.optional(),
  num_measured_seeds: count.optional(),
  num_simulated_seeds: count.optional(),
  /**
   * Says whether the two differ, and which way. It is corrected for the number of policies that are compared on the metric (Holm), which
   * the interval is not: it can leave out 1 where nothing can be told.
   */
  verdict: z.enum(['better', 'worse', 'cannot tell']),
});
export type Comparison = z.infer<typeof comparisonSchema>;

/**
 * The same on the requests of one class. The verdict is corrected for the number of policies and classes that are compared on the
 * metric.
 */
const classComparisonSchema = comparisonSchema.extend({ class: z.string() });
export type ClassComparison = z.infer<typeof classComparisonSchema>;

/** What was measured of a stack, and what the simulated twins of the same cells say: how far the simulator can be trusted. */
export const fidelitySchema = z.strictObject({
  policy: z.string(),
  /** Key of a cell's summary. */
  metric: z.string(),
  /** Mean over the measured seeds. */
  measured: metric,
  simulated: metric,
  /** simulated / measured - 1. */
  error: metric,
});
export type Fidelity = z.infer<typeof fidelitySchema>;

export const summarySchema = z.strictObject({
  schema_version: z.literal(schemaVersion),
  name: z.string(),
  cells: z.array(cellSummarySchema),
  comparisons: z.array(comparisonSchema),
  /** Class by class; empty where all requests are of one. */
  class_comparisons: z.array(classComparisonSchema),
  /** Of measured runs that were simulated as well. */
  fidelity: z.array(fidelitySchema).optional(),
});
export type Summary = z.infer<typeof summarySchema>;

/** What a summary says of the stacks against the baseline. */
export type Comparisons = Pick<Summary, 'comparisons' | 'class_comparisons'>;

/** What a policy stack is, so that a report can group stacks by family. */
export const stackSchema = z.strictObject({
  name: z.string(),
  family: z.enum(['kv-centric', 'parameter-centric', 'autoscaling', 'bound', 'mixed', 'other']),
  policies: z.array(z.strictObject({ name: z.string(), params: z.record(z.string(), z.unknown()) })),
  /** Whether the stack is told the true output lengths, which no real system knows. */
  is_oracle: z.boolean(),
});
export type StackInfo = z.infer<typeof stackSchema>;

export const manifestCellSchema = z.strictObject({
  id: z.string(),
  policy: z.string(),
  seed: z.int(),
  status: z.enum(['done', 'failed', 'missing']),
  error: z.string().optional(),
  /** Sentences that say what makes the figures of this cell doubtful. */
  warnings: z.array(z.string()).optional(),
  /** What other work on the machine did to the measurement, twice: no verdict rests on this cell. */
  disturbed: z.string().optional(),
  /** The wall time of the run. Wall times differ between two runs of the same cell. */
  wall_ms: z.number().optional(),
  /** The wall time inside of the executor's steps, and outside of them, in the core, the policies and the recorder. */
  step_wall_ms: z.number().optional(),
  overhead_wall_ms: z.number().optional(),
  verify_wall_ms: z.number().optional(),
});
export type ManifestCell = z.infer<typeof manifestCellSchema>;

/** See `harness/run/run-clock.ts`; the profile is as `bench calibrate` writes it. */
const clockSchema = z.strictObject({
  kind: z.enum(['reference', 'device']),
  /** Charged over measured time, while the machine is as fast as it was when it was calibrated. */
  scale: z.number().positive(),
  profile: profileSchema,
});

export const manifestSchema = z.strictObject({
  schema_version: z.literal(schemaVersion),
  name: z.string(),
  created_at: z.string(),
  /** The command line as the user gave it, so that the run can be repeated. */
  command: z.string(),
  /** The resolved configuration, with every default filled in (harness/config). */
  config: z.record(z.string(), z.unknown()),
  seeds: z.array(z.int()),
  baseline: z.string(),
  stacks: z.array(stackSchema),
  versions: z.record(z.string(), z.string()),
  commit: z.string().nullable(),
  backend: z.strictObject({
    /** What ran the steps: for instance `tensorflow 2.21.0`, or `simulated`. */
    name: z.string(),
    mode: z.enum(['measure', 'simulate', 'replay']),
    device: z.string(),
  }),
  /** How measured time became the time that is charged; of measured runs. */
  clock: clockSchema.optional(),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  traces: z.array(z.strictObject({ file: z.string(), sha256: z.string() })),
  /** What was simulated beside a measured run: seeds beyond the measured ones, and what went wrong. */
  twins: z.strictObject({ further_seeds: z.int().nonnegative(), problems: z.array(z.string()) }).optional(),
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
  /** SHA-256 of `summary.json`; missing while the run has not ended. */
  summary_sha256: z.string().optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;
