import { mean, quantileOfSorted } from '../base/stats.ts';
import { usPerMs, usPerSecond } from '../base/units.ts';
import type { ClusterTally } from './cluster-tally.ts';
import type { Histogram } from './histogram.ts';
import type { ClassTally, RequestTally } from './request-tally.ts';
import type { CellSummary } from './results.ts';
import { sortedUnion } from './samples.ts';

/** What only the core knows at the end of a run; the rest is added up from what it reported. */
export interface RunTotals {
  readonly id: string;
  /** Name of the policy stack. */
  readonly policy: string;
  readonly seed: number;
  /** Virtual time at which the run ended: the last end, or the cut-off. */
  readonly endedAtUs: number;
  /** Time of all instances, each from when it was asked for until it was given back or the run ended. */
  readonly instanceUs: number;
  /** Tokens that the replay confirmed; `null` where nothing was replayed. */
  readonly verifiedTokens: number | null;
  /** What the policies say about themselves: `policy.figure`; `null` where one is undefined. */
  readonly policyStats: Readonly<Record<string, number | null>>;
}

/** What was added up during the run. */
export interface Tallies {
  readonly requests: RequestTally;
  readonly cluster: ClusterTally;
  readonly tokenGaps: Histogram;
  readonly numDecisionsRejected: number;
}

/** The metrics of one cell, as `metrics.ts` defines them. */
export function summarize(tallies: Tallies, totals: RunTotals): CellSummary {
  const { requests, cluster } = tallies;
  const counts = countEnds(requests.classes);
  const durationUs = counts.offered === 0 ? 0 : lastEndUs(tallies, totals) - requests.firstArrivalUs;
  const perSecond = (amount: number) => ratio(amount * usPerSecond, durationUs);
  const numMet = sum(requests.classes, (tally) => tally.numMet);
  return {
    id: totals.id,
    policy: totals.policy,
    seed: totals.seed,
    ...counts,
    duration_ms: durationUs / usPerMs,
    total_input_tokens: requests.promptTokens,
    total_output_tokens: requests.outputTokens,
    request_throughput: perSecond(counts.completed),
    output_throughput: perSecond(requests.outputTokens),
    ...latencies(tallies, counts.completed),
    slo_attainment: requests.hasTargets ? ratio(numMet, counts.offered - counts.aborted) : null,
    goodput_rps: requests.hasTargets ? perSecond(numMet) : null,
    classes: Object.fromEntries(
      requests.classes.map((tally) => [tally.requestClass.name, summarizeClass(tally)]),
    ),
    ...fleet(cluster, totals),
    preemption_count: requests.numPreemptions,
    swap_count: requests.numSwaps,
    migration_count: requests.numMigrations,
    ...migrations(cluster),
    kv_usage_ratio: cluster.kvUsageRatio ?? null,
    kv_usage_ratio_max: cluster.maxKvUsageRatio ?? null,
    ...fragmentation(cluster),
    busy_ratio: ratio(cluster.busyUs, totals.instanceUs),
    bubble_ratio: ratio(cluster.bubbleUs, cluster.bubbleUs + cluster.pipelinedUs),
    swapped_bytes: cluster.swappedBytes,
    drop_count: cluster.numDrops,
    restore_count: cluster.numRestores,
    exchanged_bytes: cluster.exchangedBytes,
    ...stalls(requests),
    generated_tokens: requests.generatedTokens,
    verified_tokens: totals.verifiedTokens,
    decisions_rejected: tallies.numDecisionsRejected,
    policy_stats: { ...totals.policyStats },
  };
}

function countEnds(classes: readonly ClassTally[]) {
  return {
    offered: sum(classes, (tally) => tally.offered),
    completed: sum(classes, (tally) => tally.ended.finished),
    failed: sum(classes, (tally) => tally.ended.failed),
    rejected: sum(classes, (tally) => tally.ended.rejected),
    aborted: sum(classes, (tally) => tally.ended.aborted),
    unfinished: sum(classes, (tally) => tally.ended.unfinished),
  };
}

/** A request that is still open ends, for the duration, with the run. */
function lastEndUs({ requests }: Tallies, totals: RunTotals): number {
  const hasOpen = requests.classes.some((tally) => tally.ended.unfinished > 0);
  return hasOpen
    ? Math.max(requests.lastEndUs, totals.endedAtUs)
    : Math.max(requests.lastEndUs, requests.firstArrivalUs);
}

function latencies({ requests, tokenGaps }: Tallies, completed: number) {
  const ttft = sortedUnion(requests.classes.map((tally) => tally.ttft));
  const tpot = sortedUnion(requests.classes.map((tally) => tally.tpot));
  const e2el = sortedUnion(requests.classes.map((tally) => tally.e2el));
  const queueingDelay = sortedUnion([requests.queueingDelay]);
  return {
    mean_ttft_ms: toMs(mean(ttft)),
    p50_ttft_ms: quantileMs(ttft, 0.5),
    p90_ttft_ms: quantileMs(ttft, 0.9),
    p95_ttft_ms: quantileMs(ttft, 0.95),
    p99_ttft_ms: quantileMs(ttft, 0.99),
    p999_ttft_ms: quantileMs(ttft, 0.999),
    max_ttft_ms: quantileMs(ttft, 1),
    num_ttft_samples: ttft.length,
    mean_tpot_ms: toMs(mean(tpot)),
    p50_tpot_ms: quantileMs(tpot, 0.5),
    p90_tpot_ms: quantileMs(tpot, 0.9),
    p95_tpot_ms: quantileMs(tpot, 0.95),
    p99_tpot_ms: quantileMs(tpot, 0.99),
    p999_tpot_ms: quantileMs(tpot, 0.999),
    max_tpot_ms: quantileMs(tpot, 1),
    num_tpot_samples: tpot.length,
    p50_itl_ms: toMs(tokenGaps.quantile(0.5)),
    p99_itl_ms: toMs(tokenGaps.quantile(0.99)),
    p999_itl_ms: toMs(tokenGaps.quantile(0.999)),
    max_itl_ms: toMs(tokenGaps.max),
    mean_e2el_ms: toMs(mean(e2el)),
    p50_e2el_ms: quantileMs(e2el, 0.5),
    p99_e2el_ms: quantileMs(e2el, 0.99),
    p999_e2el_ms: quantileMs(e2el, 0.999),
    mean_queueing_delay_ms: toMs(mean(queueingDelay)),
    p99_queueing_delay_ms: quantileMs(queueingDelay, 0.99),
    p999_queueing_delay_ms: quantileMs(queueingDelay, 0.999),
    mean_normalized_latency_ms: ratio(requests.normalizedLatencySumUs / usPerMs, completed),
  };
}

function stalls({ numStalled, stalledSumUs, maxStalledUs }: RequestTally) {
  return {
    stalled_requests: numStalled,
    mean_stalled_ms: ratio(stalledSumUs / usPerMs, numStalled),
    max_stalled_ms: numStalled === 0 ? null : maxStalledUs / usPerMs,
  };
}

function fleet({ fleet: tally }: ClusterTally, { instanceUs, endedAtUs }: RunTotals) {
  return {
    instance_seconds: instanceUs / usPerSecond,
    mean_instances: ratio(instanceUs, endedAtUs),
    peak_instances: tally.numPeak,
    scale_up_count: tally.numRequested,
    start_failures: tally.numStartFailures,
    drain_count: tally.numDrains,
    cold_start_seconds: tally.coldStartUs(endedAtUs) / usPerSecond,
    mean_cold_start_ms: ratio(tally.coldStartSumUs / usPerMs, tally.numColdStarts),
    drain_seconds: tally.drainUs(endedAtUs) / usPerSecond,
  };
}

function migrations({ numMigrationsAborted, migratedBytes, migrationDowntime }: ClusterTally) {
  const downtime = sortedUnion([migrationDowntime]);
  return {
    migrations_aborted: numMigrationsAborted,
    migrated_bytes: migratedBytes,
    mean_migration_downtime_ms: toMs(mean(downtime)),
    p99_migration_downtime_ms: quantileMs(downtime, 0.99),
    p999_migration_downtime_ms: quantileMs(downtime, 0.999),
    max_migration_downtime_ms: quantileMs(downtime, 1),
  };
}

function fragmentation({ fragmentation: seen }: ClusterTally) {
  const ratios = seen.ratios();
  return { fragmentation_ratio: ratios?.mean ?? null, fragmentation_ratio_max: ratios?.max ?? null };
}

function summarizeClass(tally: ClassTally): CellSummary['classes'][string] {
  const ttft = sortedUnion([tally.ttft]);
  const tpot = sortedUnion([tally.tpot]);
  const e2el = sortedUnion([tally.e2el]);
  return {
    offered: tally.offered,
    completed: tally.ended.finished,
    mean_ttft_ms: toMs(mean(ttft)),
    p50_ttft_ms: quantileMs(ttft, 0.5),
    p99_ttft_ms: quantileMs(ttft, 0.99),
    p999_ttft_ms: quantileMs(ttft, 0.999),
    p50_tpot_ms: quantileMs(tpot, 0.5),
    p99_tpot_ms: quantileMs(tpot, 0.99),
    p999_tpot_ms: quantileMs(tpot, 0.999),
    p50_e2el_ms: quantileMs(e2el, 0.5),
    p99_e2el_ms: quantileMs(e2el, 0.99),
    p999_e2el_ms: quantileMs(e2el, 0.999),
    slo_attainment: tally.hasTarget ? ratio(tally.numMet, tally.eligible) : null,
  };
}

function quantileMs(sortedUs: Float64Array, quantile: number): number | null {
  return toMs(quantileOfSorted(sortedUs, quantile));
}

function toMs(us: number | undefined): number | null {
  return us === undefined ? null : us / usPerMs;
}

/** `null` over zero. */
function ratio(numerator: number, denominator: number): number | null {
  return denominator === 0 ? null : numerator / denominator;
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += amount(item);
  return total;
}
