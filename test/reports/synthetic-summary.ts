import { group } from 'd3-array';
import { mean, quantileOfSorted, sorted } from '../../harness/base/stats.ts';
import { comparedMetrics } from '../../harness/metrics/compare.ts';
import { metrics } from '../../harness/metrics/metrics.ts';
import type { CellSummary, Comparison } from '../../harness/metrics/results.ts';
import type { SyntheticRequest, SyntheticServing, SyntheticStack } from './synthetic-serving.ts';

export const syntheticSlo = { ttftMs: 500, tpotMs: 60 };

function ttft(request: SyntheticRequest): number {
  return (request.firstMs as number) - request.arrivedMs;
}

function tpot(request: SyntheticRequest): number {
  return ((request.endedMs as number) - (request.firstMs as number)) / Math.max(1, request.generated - 1);
}

function isGood(request: SyntheticRequest): boolean {
  return ttft(request) <= syntheticSlo.ttftMs && tpot(request) <= syntheticSlo.tpotMs;
}

/** Figures of a cell: those that the report draws are computed, the others made up. */
export function summarize(
  id: string,
  seed: number,
  stack: SyntheticStack,
  serving: SyntheticServing,
): CellSummary {
  const { requests: all, endMs } = serving;
  const ttfts = sorted(all.map(ttft));
  const tpots = sorted(all.filter((request) => request.output > 1).map(tpot));
  const good = all.filter(isGood).length;
  const preemptions = all.reduce((sum, request) => sum + request.preemptions, 0);
  const swaps = stack.preemption === 'swap' ? preemptions : 0;
  const tokens = all.reduce((sum, request) => sum + request.generated, 0);
  const stalls = all.map((request) => request.stalledMs).filter((ms) => ms > 0);
  const numOf = (kind: string) => serving.groups.events.filter((event) => event.kind === kind).length;
  const attainment = good / all.length;
  return {
    id,
    policy: stack.name,
    seed,
    offered: all.length,
    completed: all.length,
    failed: 0,
    rejected: 0,
    aborted: 0,
    unfinished: 0,
    duration_ms: endMs,
    total_input_tokens: all.reduce((sum, request) => sum + request.prompt, 0),
    total_output_tokens: tokens,
    request_throughput: (all.length / endMs) * 1000,
    output_throughput: (tokens / endMs) * 1000,
    mean_ttft_ms: mean(ttfts) ?? null,
    p50_ttft_ms: at(ttfts, 0.5),
    p90_ttft_ms: at(ttfts, 0.9),
    p95_ttft_ms: at(ttfts, 0.95),
    p99_ttft_ms: at(ttfts, 0.99),
    p999_ttft_ms: at(ttfts, 0.999),
    max_ttft_ms: at(ttfts, 1),
    num_ttft_samples: ttfts.length,
    mean_tpot_ms: mean(tpots) ?? null,
    p50_tpot_ms: at(tpots, 0.5),
    p90_tpot_ms: at(tpots, 0.9),
    p95_tpot_ms: at(tpots, 0.95),
    p99_tpot_ms: at(tpots, 0.99),
    p999_tpot_ms: at(tpots, 0.999),
    max_tpot_ms: at(tpots, 1),
    num_tpot_samples: tpots.length,
    p50_itl_ms: 25,
    p99_itl_ms: 60,
    p999_itl_ms: 400,
    max_itl_ms: 900,
    mean_e2el_ms: 1500,
    p50_e2el_ms: 1200,
    p99_e2el_ms: 6000,
    p999_e2el_ms: 7000,
    mean_queueing_delay_ms: 300,
    p99_queueing_delay_ms: 2500,
    p999_queueing_delay_ms: 3000,
    mean_normalized_latency_ms: 40,
    slo_attainment: attainment,
    goodput_rps: (good / endMs) * 1000,
    classes: Object.fromEntries(
      [...group(all, (request) => request.class)].map(([name, own]) => [name, classFigures(own)]),
    ),
    preemption_count: preemptions,
    swap_count: swaps,
    ...migrationFigures(serving),
    ...scalingFigures(serving),
    fragmentation_ratio: 0.02,
    fragmentation_ratio_max: 0.11,
    kv_usage_ratio: 0.6,
    kv_usage_ratio_max: 1,
    busy_ratio: 0.8,
    bubble_ratio: bubbleRatio(stack, seed),
    swapped_bytes: swaps * 200_000,
    drop_count: numOf('groupsMerged'),
    restore_count: numOf('groupSplit'),
    exchanged_bytes: 24_000_000 * numOf('groupsMerged'),
    stalled_requests: stalls.length,
    mean_stalled_ms: mean(stalls) ?? null,
    max_stalled_ms: at(sorted(stalls), 1),
    generated_tokens: tokens,
    verified_tokens: tokens,
    decisions_rejected: 1,
    policy_stats: policyStats(stack, seed),
  };
}

function classFigures(own: readonly SyntheticRequest[]): CellSummary['classes'][string] {
  const ttfts = sorted(own.map(ttft));
  const tpots = sorted(own.filter((request) => request.output > 1).map(tpot));
  return {
    offered: own.length,
    completed: own.length,
    mean_ttft_ms: mean(ttfts) ?? null,
    p50_ttft_ms: at(ttfts, 0.5),
    p99_ttft_ms: at(ttfts, 0.99),
    p999_ttft_ms: at(ttfts, 0.999),
    p50_tpot_ms: at(tpots, 0.5),
    p99_tpot_ms: at(tpots, 0.99),
    p999_tpot_ms: at(tpots, 0.999),
    p50_e2el_ms: 1200,
    p99_e2el_ms: 6000,
    p999_e2el_ms: 7000,
    slo_attainment: own.filter(isGood).length / own.length,
  };
}

function migrationFigures({ fleet }: SyntheticServing) {
  const downtimes = sorted(
    fleet.migrations.flatMap((row) => (row.downtime_us === null ? [] : row.downtime_us / 1000)),
  );
  return {
    migration_count: downtimes.length,
    migrations_aborted: fleet.migrations.length - downtimes.length,
    migrated_bytes: fleet.migrations.reduce((sum, { bytes }) => sum + bytes, 0),
    mean_migration_downtime_ms: mean(downtimes) ?? null,
    p99_migration_downtime_ms: at(downtimes, 0.99),
    p999_migration_downtime_ms: at(downtimes, 0.999),
    max_migration_downtime_ms: at(downtimes, 1),
  };
}

function scalingFigures({ fleet, endMs }: SyntheticServing) {
  const { total, cold, draining } = fleet.costs(endMs);
  const numOf = (kind: string) => fleet.events.filter((event) => event.kind === kind).length;
  return {
    instance_seconds: total,
    scale_up_count: numOf('instanceRequested'),
    drain_count: numOf('drainStarted'),
    start_failures: numOf('startFailed'),
    cold_start_seconds: cold,
    mean_cold_start_ms: cold === 0 ? null : 2600,
    drain_seconds: draining,
    mean_instances: total / (endMs / 1000),
    peak_instances: fleet.size,
  };
}

function policyStats({ drops, params }: SyntheticStack, seed: number): CellSummary['policy_stats'] {
  if (drops === undefined) return {};
  return {
    'kunserve.plans': 3 + seed,
    'kunserve.freed_bytes': 44_000_000,
    'kunserve.cost_model_error': params?.['lookahead'] === true ? 0.04 + seed / 1000 : null,
  };
}

function bubbleRatio({ drops, params }: SyntheticStack, seed: number): number {
  if (drops === undefined) return 0;
  return (params?.['lookahead'] === true ? 0.083 : 0.219) + seed / 200;
}

function at(values: Float64Array, quantile: number): number | null {
  return quantileOfSorted(values, quantile) ?? null;
}

/** Ratios of the means over the seeds with made-up intervals around them. */
export function compare(policy: string, baseline: string, cells: readonly CellSummary[]): Comparison[] {
  return comparedMetrics.flatMap((key): Comparison[] => {
    const value = meanOf(cells, policy, key);
    const baselineValue = meanOf(cells, baseline, key);
    if (value === undefined || baselineValue === undefined || baselineValue === 0) return [];
    const ratio = value / baselineValue;
    const spread = key.startsWith('p99') ? 1.12 : 1.04;
    const [low, high] = [ratio / spread, ratio * spread];
    const [better, worse] = metrics[key].better === 'lower' ? [high < 1, low > 1] : [low > 1, high < 1];
    const verdict = better ? 'better' : worse ? 'worse' : 'cannot tell';
    const interval = { ratio, ratio_low: low, ratio_high: high };
    return [{ policy, baseline, metric: key, value, baseline_value: baselineValue, ...interval, verdict }];
  });
}

function meanOf(
  cells: readonly CellSummary[],
  policy: string,
  key: (typeof comparedMetrics)[number],
): number | undefined {
  return mean(cells.filter((cell) => cell.policy === policy).map((cell) => cell[key] ?? 0));
}
