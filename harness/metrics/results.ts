import { z } from 'zod';
import { decisionKinds } from '../policy/decisions.ts';
import { decidingMoments } from '../policy/moments.ts';
import type { InstanceState } from '../policy/views.ts';

/**
 * The files of a results folder, which are the interface for everything that reads results. Times ending in `_us` are
 * integer microseconds on the cell's clock, `_ms` are milliseconds; `null` means undefined (see each metric's formula).
 * Every change of a key or column raises the version, and readers refuse any but their own.
 */
export const schemaVersion = 4;

const count = z.int().nonnegative();
const timeUs = count;
const metric = z.number().nullable();

/** One line of `cells/<id>/requests.jsonl`, in order of ending. */
export const requestRowSchema = z.strictObject({
  id: count,
  class: z.string(),
  status: z.enum(['finished', 'failed', 'rejected', 'aborted', 'unfinished']),
  /** Why it failed or was rejected. */
  reason: z.string().optional(),
  arrived_at_us: timeUs,
  first_scheduled_at_us: timeUs.nullable(),
  first_token_at_us: timeUs.nullable(),
  ended_at_us: timeUs.nullable(),
  prompt_tokens: count,
  output_tokens: count,
  /** Tokens really generated. */
  generated_tokens: count,
  /** Largest gap between two consecutive tokens. */
  max_itl_us: timeUs.nullable(),
  group: count.nullable(),
  preemptions: count,
  swaps: count,
  migrations: count,
  /** Total time between a preemption and the next scheduling. */
  preempted_us: timeUs,
  /** Time stalled while its KV was being exchanged or moved. */
  stalled_us: timeUs,
});
export type RequestRow = z.infer<typeof requestRowSchema>;

/** One line of `cells/<id>/decisions.jsonl`. */
export const decisionRowSchema = z.strictObject({
  time_us: timeUs,
  policy: z.string(),
  moment: z.enum(decidingMoments),
  kind: z.enum(decisionKinds),
  /** The decision's data, without kind and reason. */
  data: z.record(z.string(), z.unknown()),
  reason: z.string(),
  outcome: z.enum(['applied', 'rejected']),
  /** Why the core refused it. */
  error: z.string().optional(),
});
export type DecisionRow = z.infer<typeof decisionRowSchema>;

const place = z.union([count, z.enum(['host', 'disk'])]);

/** One line of `cells/<id>/transfers.jsonl`, in order of ending. */
export const transferRowSchema = z.strictObject({
  kind: z.enum(['activations', 'attention', 'exchange', 'migration', 'swap-out', 'swap-in', 'weights']),
  /** The request whose KV travelled; `null` for weights and activations. */
  request: count.nullable(),
  /** An instance, or the host memory or disk beside it. */
  source: place,
  target: place,
  bytes: count,
  requested_us: timeUs,
  /** First byte on the link. */
  started_us: timeUs,
  ended_us: timeUs,
});

/** One line of `cells/<id>/migrations.jsonl`, in order of ending: a running request moves to another group, or tried to. */
export const migrationRowSchema = z.strictObject({
  request: count,
  from_group: count,
  to_group: count,
  /** First members of the groups. */
  from_instance: count,
  to_instance: count,
  protocol: z.enum(['live', 'blocking', 'recompute']),
  /** Tokens of the request at the end. */
  tokens: count,
  /** Copies begun; 0 where nothing was copied. */
  stages: count,
  /** KV bytes of these copies, cancelled ones included. */
  bytes: count,
  started_us: timeUs,
  /** When the request was stopped for the last stage; `null` if it never was. */
  stopped_us: timeUs.nullable(),
  ended_us: timeUs,
  /** Ended - stopped; `null` where it was aborted, and for `recompute`, which ends before the request runs again. */
  downtime_us: timeUs.nullable(),
  outcome: z.enum(['done', 'aborted']),
  /** Why it was aborted. */
  reason: z.string().optional(),
});
export type MigrationRow = z.infer<typeof migrationRowSchema>;

/** One line of `cells/<id>/events.jsonl`: moments of the cluster that matter to a reader. */
export const clusterEventRowSchema = z.strictObject({
  time_us: timeUs,
  kind: z.string(),
  instance: count.nullable(),
  group: count.nullable(),
  detail: z.string(),
});

/** Columns of `cells/<id>/timeseries.csv`: one row per sample and instance, long after wide would have been unreadable. */
export const timeseriesColumns = [
  'time_us',
  'instance',
  'group',
  'role',
  'state',
  'weight_bytes',
  'kv_used_bytes',
  'kv_free_bytes',
  'reserve_bytes',
  'loading_bytes',
  'dropped_bytes',
  'host_kv_bytes',
  'waiting_kv_bytes',
  'head_kv_bytes',
  'waiting',
  'running',
  'swapped',
  'exchanging',
  'prefill_tokens',
  'decode_tokens',
  'busy_us',
] as const;
export type TimeseriesColumn = (typeof timeseriesColumns)[number];
/**
 * `role` and `state` are text. Counts of requests, and the KV that all waiting ones and the first of them need on this
 * instance, stand on the first member of a group; tokens and busy time are since the
 * last sample. A released instance has one row that says so.
 */
export type TimeseriesRow = { readonly [K in Exclude<TimeseriesColumn, 'role' | 'state'>]: number } & {
  readonly role: string;
  readonly state: InstanceState;
};

/** One object of `summary.json`'s `cells`: the metrics of one policy stack with one seed. */
export const cellSummarySchema = z.strictObject({
  id: z.string(),
  policy: z.string(),
  seed: z.int(),
  offered: count,
  completed: count,
  failed: count,
  rejected: count,
  aborted: count,
  unfinished: count,
  duration_ms: z.number(),
  total_input_tokens: count,
  total_output_tokens: count,
  request_throughput: metric,
  output_throughput: metric,
  mean_ttft_ms: metric,
  p50_ttft_ms: metric,
  p90_ttft_ms: metric,
  p95_ttft_ms: metric,
  p99_ttft_ms: metric,
  p999_ttft_ms: metric,
  max_ttft_ms: metric,
  num_ttft_samples: count,
  mean_tpot_ms: metric,
  p50_tpot_ms: metric,
  p90_tpot_ms: metric,
  p95_tpot_ms: metric,
  p99_tpot_ms: metric,
  p999_tpot_ms: metric,
  max_tpot_ms: metric,
  num_tpot_samples: count,
  p50_itl_ms: metric,
  p99_itl_ms: metric,
  p999_itl_ms: metric,
  max_itl_ms: metric,
  mean_e2el_ms: metric,
  p50_e2el_ms: metric,
  p99_e2el_ms: metric,
  p999_e2el_ms: metric,
  mean_queueing_delay_ms: metric,
  p99_queueing_delay_ms: metric,
  p999_queueing_delay_ms: metric,
  mean_normalized_latency_ms: metric,
  slo_attainment: metric,
  goodput_rps: metric,
  /** Keyed by class name. */
  classes: z.record(
    z.string(),
    z.strictObject({
      offered: count,
      completed: count,
      mean_ttft_ms: metric,
      p50_ttft_ms: metric,
      p99_ttft_ms: metric,
      p999_ttft_ms: metric,
      p50_tpot_ms: metric,
      p99_tpot_ms: metric,
      p999_tpot_ms: metric,
      p50_e2el_ms: metric,
      p99_e2el_ms: metric,
      p999_e2el_ms: metric,
      slo_attainment: metric,
    }),
  ),
  instance_seconds: z.number(),
  mean_instances: metric,
  peak_instances: count,
  /** Instances asked for, starts of them that failed, drains begun. */
  scale_up_count: count,
  start_failures: count,
  drain_count: count,
  /** Instance-seconds that served nobody yet, or nobody new any more. */
  cold_start_seconds: z.number(),
  mean_cold_start_ms: metric,
  drain_seconds: z.number(),
  preemption_count: count,
  swap_count: count,
  migration_count: count,
  migrations_aborted: count,
  migrated_bytes: count,
  mean_migration_downtime_ms: metric,
  p99_migration_downtime_ms: metric,
  p999_migration_downtime_ms: metric,
  max_migration_downtime_ms: metric,
  /** Time-weighted means over the run, all instances. */
  kv_usage_ratio: metric,
  kv_usage_ratio_max: metric,
  /** Free KV memory that is of no use to requests that wait elsewhere. */
  fragmentation_ratio: metric,
  fragmentation_ratio_max: metric,
  busy_ratio: metric,
  bubble_ratio: metric,
  swapped_bytes: count,
  /** Groups merged, and groups split again. */
  drop_count: count,
  restore_count: count,
  /** KV bytes moved between members after drops and restores. */
  exchanged_bytes: count,
  /** Requests that were stalled by an exchange, and for how long each. */
  stalled_requests: count,
  mean_stalled_ms: metric,
  max_stalled_ms: metric,
  generated_tokens: count,
  /** Tokens that the teacher-forcing replay confirmed; `null` where nothing was really executed. */
  verified_tokens: count.nullable(),
  decisions_rejected: count,
  /** What the policies say about themselves: `policy.figure`. */
  policy_stats: z.record(z.string(), metric),
});
export type CellSummary = z.infer<typeof cellSummarySchema>;

/**
 * A policy against the baseline on one metric, paired by seed and request. A request that never got its tokens counts
 * as infinitely late, so that no policy wins by refusing work; what is infinite is written as `null`.
 */
export const comparisonSchema = z.strictObject({
  policy: z.string(),
  baseline: z.string(),
  /** Key of a cell's summary. */
  metric: z.string(),
  /** Mean over the seeds that both policies finished. */
  value: metric,
  baseline_value: metric,
  /** value / baseline_value. */
  ratio: metric,
  /** 95 % interval of the ratio; a `null` end is unbounded. */
  ratio_low: metric,
  ratio_high: metric,
  /** value - baseline_value with its 95 % interval; only where a zero leaves the ratio undefined. */
  difference: metric.optional(),
  difference_low: metric.optional(),
  difference_high: metric.optional(),
  /** Whether the interval leaves out 1, and on which side. Not corrected for the number of comparisons. */
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
  /** Everything after resolution, defaults included (harness/spec). */
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
