import { mean } from '../harness/base/stats.ts';
import type { MetricKey } from '../harness/metrics/metrics.ts';
import type { Comparison, RequestRow, StackInfo } from '../harness/metrics/results.ts';
import { latencyMs, timesOf } from '../harness/metrics/request-latencies.ts';
import { meetsSlo } from '../harness/metrics/slo.ts';
import type { SloTarget } from '../harness/domain/workload.ts';
import type { Metric } from '../harness/metrics/metric.ts';
import { cellsOf } from './load.ts';
import type { Results } from './load.ts';

/** Keys of a cell's summary that hold one number. */
export type FigureKey = MetricKey;

/** One metric of one stack over its seeds: the mean of the seeds' values, and their range. */
export interface Figure {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Whether the metric is more than 0 in any seed of the stack. */
export function hasAny(results: Results, stack: StackInfo, key: FigureKey): boolean {
  return seedFigures(results, stack, key).some((value) => value > 0);
}

/** One metric of each finished cell of a stack that defines it. */
export function seedFigures(results: Results, stack: StackInfo, key: FigureKey): number[] {
  return cellsOf(results, stack).flatMap(({ summary }) => summary[key] ?? []);
}

/** `undefined` where no finished cell defines the metric. */
export function figureOf(results: Results, stack: StackInfo, key: FigureKey): Figure | undefined {
  const values = seedFigures(results, stack, key);
  const average = mean(values);
  return average === undefined
    ? undefined
    : { mean: average, low: Math.min(...values), high: Math.max(...values) };
}

/** Comparisons of one metric, in the manifest's order of stacks. */
export function comparisonsOf(results: Results, metric: string): readonly Comparison[] {
  const { stacks } = results.manifest;
  const rank = (comparison: Comparison) => stacks.findIndex((stack) => stack.name === comparison.policy);
  return results.summary.comparisons
    .filter((comparison) => comparison.metric === metric && comparison.policy !== comparison.baseline)
    .toSorted((a, b) => rank(a) - rank(b));
}

/** The metrics that were compared, in the summary's order. */
export function comparedMetrics(results: Results): readonly string[] {
  return [...new Set(results.summary.comparisons.map((comparison) => comparison.metric))];
}

/** The metric's declaration; a metric that nobody declared is shown under its key. */
export function definitionOf(results: Results, key: string): Metric {
  return results.definitions[key] ?? { label: key, unit: 'count', formula: '', better: 'neither' };
}

/** Time to first token, queueing included, milliseconds. */
export function ttftMsOf(row: RequestRow): number | undefined {
  return latencyMs('ttft', timesOf(row));
}

/** Time per output token after the first, milliseconds; undefined below two tokens or when unfinished. */
export function tpotMsOf(row: RequestRow): number | undefined {
  return latencyMs('tpot', timesOf(row));
}

/** Whether the request would have met targets `scale` times those of its class. */
export function meetsScaledSlo(row: RequestRow, slo: SloTarget, scale: number): boolean {
  return meetsSlo(timesOf(row), {
    ...(slo.ttftUs === undefined ? {} : { ttftUs: slo.ttftUs * scale }),
    ...(slo.tpotUs === undefined ? {} : { tpotUs: slo.tpotUs * scale }),
  });
}
