import type { CellSummary } from './results.ts';

/**
 * Everything that `summary.json` says about a cell as a number, apart from what identifies the cell and from the figures
 * that policies define themselves.
 */
export type MetricKey = Exclude<keyof CellSummary, 'id' | 'policy' | 'seed' | 'classes' | 'policy_stats'>;

export type Unit =
  | 'ms'
  | 's'
  | 'ms/token'
  | 'req/s'
  | 'tok/s'
  | 'ratio'
  | 'bytes'
  | 'requests'
  | 'tokens'
  | 'count';

/** How a number is called, computed and read. The only place where a metric is defined. */
export interface Metric {
  readonly label: string;
  readonly unit: Unit;
  /** One sentence; times are on the cell's clock. */
  readonly formula: string;
  /** Which way is better; counts that only describe the run have neither. */
  readonly better: 'lower' | 'higher' | 'neither';
  /** When the value is `null`; absent for what always has a value. */
  readonly undefinedWhen?: string;
}

type Statistic = 'mean' | 'p50' | 'p90' | 'p95' | 'p99' | 'p999' | 'max';

const statisticLabels: Readonly<Record<Statistic, string>> = {
  mean: 'mean',
  p50: 'p50',
  p90: 'p90',
  p95: 'p95',
  p99: 'p99',
  p999: 'p99.9',
  max: 'max',
};

/** Statistics of a latency that a summary has: the only ones that can be declared. */
type StatisticOf<Stem extends string> = {
  [S in Statistic]: `${S}_${Stem}_ms` extends MetricKey ? S : never;
}[Statistic];

/** One entry per statistic of a latency; they share formula and unit. */
function latency<const Stem extends string, const S extends StatisticOf<Stem>>(
  stem: Stem,
  statistics: readonly S[],
  shared: Omit<Metric, 'better'>,
): { readonly [K in S as `${K}_${Stem}_ms`]: Metric & { readonly better: 'lower' } } {
  const entries = statistics.map((statistic) => [
    `${statistic}_${stem}_ms`,
    { ...shared, label: `${shared.label} ${statisticLabels[statistic]}`, better: 'lower' },
  ]);
  return Object.fromEntries(entries) as {
    readonly [K in S as `${K}_${Stem}_ms`]: Metric & { readonly better: 'lower' };
  };
}

const percentiles =
  'Percentiles interpolate linearly between order statistics; of up to 1,000 samples, p99.9 lies between the two largest.';

export const metrics = {
  offered: {
    label: 'Offered',
    unit: 'requests',
    formula: 'Requests that arrived, whatever became of them.',
    better: 'neither',
  },
  completed: {
    label: 'Completed',
    unit: 'requests',
    formula: 'Requests that got their whole answer.',
    better: 'higher',
  },
  failed: {
    label: 'Failed',
    unit: 'requests',
    formula: 'Requests that the cluster took in and then gave up.',
    better: 'lower',
  },
  rejected: {
    label: 'Rejected',
    unit: 'requests',
    formula: 'Requests that a policy refused.',
    better: 'lower',
  },
  aborted: {
    label: 'Aborted',
    unit: 'requests',
    formula:
      'Requests that the client cancelled because enough parallel branches of the same job had finished.',
    better: 'neither',
  },
  unfinished: {
    label: 'Unfinished',
    unit: 'requests',
    formula: 'Requests still waiting or running when the run was cut off.',
    better: 'lower',
  },
  duration_ms: {
    label: 'Duration',
    unit: 'ms',
    formula: 'Last end - first arrival; the end of the run counts as the end of an unfinished request.',
    better: 'neither',
  },
  total_input_tokens: {
    label: 'Input tokens',
    unit: 'tokens',
    formula: 'Prompt tokens of completed requests.',
    better: 'neither',
  },
  total_output_tokens: {
    label: 'Output tokens',
    unit: 'tokens',
    formula: 'Answer tokens of completed requests.',
    better: 'neither',
  },
  request_throughput: {
    label: 'Request throughput',
    unit: 'req/s',
    formula: 'Completed requests / duration.',
    better: 'higher',
    undefinedWhen: 'the duration is zero',
  },
  output_throughput: {
    label: 'Output throughput',
    unit: 'tok/s',
    formula: 'Answer tokens of completed requests / duration.',
    better: 'higher',
    undefinedWhen: 'the duration is zero',
  },
  ...latency('ttft', ['mean', 'p50', 'p90', 'p95', 'p99', 'p999', 'max'], {
    label: 'TTFT',
    unit: 'ms',
    formula: `First token - arrival, queueing included, over requests with a first token. ${percentiles}`,
    undefinedWhen: 'no request got a token',
  }),
  num_ttft_samples: {
    label: 'TTFT samples',
    unit: 'requests',
    formula: 'Requests with a first token.',
    better: 'neither',
  },
  ...latency('tpot', ['mean', 'p50', 'p90', 'p95', 'p99', 'p999', 'max'], {
    label: 'TPOT',
    unit: 'ms/token',
    formula: `(Last token - first token) / (answer tokens - 1) of each completed request with two tokens or more. ${percentiles}`,
    undefinedWhen: 'no completed request has two tokens',
  }),
  num_tpot_samples: {
    label: 'TPOT samples',
    unit: 'requests',
    formula: 'Completed requests with two tokens or more.',
    better: 'neither',
  },
  ...latency('itl', ['p50', 'p99', 'p999', 'max'], {
    label: 'ITL',
    unit: 'ms',
    formula: `Every gap between two consecutive tokens of a request, pooled over all requests. ${percentiles} Percentiles are within 0.4 %, the maximum is exact.`,
    undefinedWhen: 'no request got two tokens',
  }),
  ...latency('e2el', ['mean', 'p50', 'p99', 'p999'], {
    label: 'E2E latency',
    unit: 'ms',
    formula: `Last token - arrival of completed requests. ${percentiles}`,
    undefinedWhen: 'no request completed',
  }),
  ...latency('queueing_delay', ['mean', 'p99', 'p999'], {
    label: 'Queueing delay',
    unit: 'ms',
    formula: `First scheduled - arrival, over requests that were ever scheduled. ${percentiles}`,
    undefinedWhen: 'no request was scheduled',
  }),
  ...latency('normalized_latency', ['mean'], {
    label: 'Normalized latency',
    unit: 'ms/token',
    formula: 'E2E latency / answer tokens of completed requests.',
    undefinedWhen: 'no request completed',
  }),
  slo_attainment: {
    label: 'SLO attainment',
    unit: 'ratio',
    formula:
      'Requests that finished and met every target of their class / offered requests. Failed, rejected and unfinished ones are misses; aborted ones (cancelled by the client when enough sibling branches had finished) are left out of both. A one-token answer meets any TPOT target, and a class without targets is met by finishing.',
    better: 'higher',
    undefinedWhen: 'no class has a target, or nothing but aborted requests was offered',
  },
  goodput_rps: {
    label: 'Goodput',
    unit: 'req/s',
    formula: 'Requests that finished and met every target of their class / duration.',
    better: 'higher',
    undefinedWhen: 'no class has a target, or the duration is zero',
  },
  instance_seconds: {
    label: 'Instance-seconds',
    unit: 's',
    formula:
      'Time of all instances from the moment each was asked for, cold start included, until it was given back.',
    better: 'lower',
  },
  mean_instances: {
    label: 'Mean instances',
    unit: 'count',
    formula: 'Instance-seconds / time from the start of the run to its end.',
    better: 'lower',
    undefinedWhen: 'the run took no time',
  },
  peak_instances: {
    label: 'Peak instances',
    unit: 'count',
    formula: 'Most instances that were paid for at the same time.',
    better: 'lower',
  },
  scale_up_count: {
    label: 'Instances asked for',
    unit: 'count',
    formula: 'Instances that a policy asked for during the run.',
    better: 'neither',
  },
  start_failures: {
    label: 'Failed starts',
    unit: 'count',
    formula: 'Attempts to start an instance that failed; each is tried again after a back-off.',
    better: 'lower',
  },
  drain_count: {
    label: 'Drains',
    unit: 'count',
    formula: 'Times that a group began to serve its last requests, to be released; those cancelled included.',
    better: 'neither',
  },
  cold_start_seconds: {
    label: 'Cold-start time',
    unit: 's',
    formula:
      'Instance-seconds from the moment each instance was asked for until it was ready, was given back, or the run ended: paid for, serving nobody.',
    better: 'lower',
  },
  ...latency('cold_start', ['mean'], {
    label: 'Cold start',
    unit: 'ms',
    formula: 'Time from asking for an instance until it was ready, over those that became ready.',
    undefinedWhen: 'no instance that was asked for became ready',
  }),
  drain_seconds: {
    label: 'Drain time',
    unit: 's',
    formula:
      'Instance-seconds from the start of each drain until the instance was released, the drain was cancelled, or the run ended.',
    better: 'lower',
  },
  preemption_count: {
    label: 'Preemptions',
    unit: 'count',
    formula:
      'Times that a running request lost its place: to recompute, to a swap, or with an instance that failed.',
    better: 'lower',
  },
  swap_count: {
    label: 'Swaps',
    unit: 'count',
    formula: 'Times that a request was swapped to host memory.',
    better: 'lower',
  },
  migration_count: {
    label: 'Migrations',
    unit: 'count',
    formula: 'Times that a live request moved to another group.',
    better: 'neither',
  },
  migrations_aborted: {
    label: 'Aborted migrations',
    unit: 'count',
    formula:
      'Migrations of running requests that were begun and given up; the request went on at its source.',
    better: 'lower',
  },
  migrated_bytes: {
    label: 'Migrated bytes',
    unit: 'bytes',
    formula: 'KV bytes of all copies that migrations began, those of aborted ones included.',
    better: 'lower',
  },
  ...latency('migration_downtime', ['mean', 'p99', 'p999', 'max'], {
    label: 'Migration downtime',
    unit: 'ms',
    formula: `Time that a migrating request stood still while its last blocks were copied, over migrations that were completed with their KV. ${percentiles}`,
    undefinedWhen: 'no request migrated with its KV',
  }),
  kv_usage_ratio: {
    label: 'KV usage',
    unit: 'ratio',
    formula:
      'Integral of KV bytes in use / integral of KV bytes there were, over time and instances (trapezoids between samples).',
    better: 'neither',
    undefinedWhen: 'no instance held KV memory for two samples',
  },
  kv_usage_ratio_max: {
    label: 'KV usage max',
    unit: 'ratio',
    formula: 'Largest share of KV memory in use on any instance at any sample.',
    better: 'neither',
    undefinedWhen: 'no sample saw KV memory',
  },
  fragmentation_ratio: {
    label: 'Fragmentation',
    unit: 'ratio',
    formula:
      'Free KV memory of all serving instances that the first waiting requests of instances without room for them could use, smallest first, if it were in one place / KV memory of all serving instances; mean over the samples.',
    better: 'lower',
    undefinedWhen: 'no sample saw KV memory',
  },
  fragmentation_ratio_max: {
    label: 'Fragmentation max',
    unit: 'ratio',
    formula: 'The largest fragmentation at any sample.',
    better: 'lower',
    undefinedWhen: 'no sample saw KV memory',
  },
  busy_ratio: {
    label: 'Busy',
    unit: 'ratio',
    formula: 'Time in which stages computed / instance-seconds.',
    better: 'higher',
    undefinedWhen: 'there was no instance time',
  },
  bubble_ratio: {
    label: 'Bubbles',
    unit: 'ratio',
    formula:
      'Time in which a pipeline stage stood idle between two micro-batches of a busy period / that time + time in which stages of pipelines computed.',
    better: 'lower',
    undefinedWhen: 'no pipeline computed anything',
  },
  swapped_bytes: {
    label: 'Swapped bytes',
    unit: 'bytes',
    formula: 'KV bytes copied to and from host memory by swaps, both ways added.',
    better: 'lower',
  },
  drop_count: {
    label: 'Drops',
    unit: 'count',
    formula: 'Times that groups were merged into one and replicated layers were dropped.',
    better: 'neither',
  },
  restore_count: {
    label: 'Restores',
    unit: 'count',
    formula: 'Times that a group had its layers back and was split again.',
    better: 'neither',
  },
  exchanged_bytes: {
    label: 'Exchanged bytes',
    unit: 'bytes',
    formula: 'KV bytes sent from instance to instance to follow layers that were dropped or restored.',
    better: 'lower',
  },
  stalled_requests: {
    label: 'Stalled requests',
    unit: 'requests',
    formula: 'Requests that could not run for some time because their KV was being exchanged or moved.',
    better: 'lower',
  },
  ...latency('stalled', ['mean', 'max'], {
    label: 'Stalled',
    unit: 'ms',
    formula:
      'Time that a request could not run because its KV was being exchanged or moved, all its stalls added, over stalled requests.',
    undefinedWhen: 'no request was stalled',
  }),
  generated_tokens: {
    label: 'Generated tokens',
    unit: 'tokens',
    formula: 'Answer tokens of all requests, finished or not.',
    better: 'neither',
  },
  verified_tokens: {
    label: 'Verified tokens',
    unit: 'tokens',
    formula: 'Generated tokens that a teacher-forcing replay on a fresh model confirmed.',
    better: 'neither',
    undefinedWhen: 'nothing was really executed, or the check was switched off',
  },
  decisions_rejected: {
    label: 'Rejected decisions',
    unit: 'count',
    formula: 'Decisions of a policy that the core refused as invalid.',
    better: 'lower',
  },
} as const satisfies Readonly<Record<MetricKey, Metric>>;

export const metricKeys = Object.keys(metrics) as readonly MetricKey[];

/** The definition behind a key of `summary.json`. */
export function metricOf(key: MetricKey): Metric {
  return metrics[key];
}
