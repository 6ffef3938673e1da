import {
  type ClassMetricKey,
  classMetricKeys,
  clusterMetricKeys,
  type MetricKey,
  metricOf,
  metrics,
  serviceMetricKeys,
  type ValueOf,
} from './metrics.ts';
import type { CellSummary } from './results.ts';
import { type RunTotals, type Tallies, talliedClasses, talliedRun } from './tallied.ts';

/** Computes the metrics of one cell, and those of each of its classes of requests. */
export function summarize(tallies: Tallies, totals: RunTotals): CellSummary {
  const run = talliedRun(tallies, totals);
  const inRun = (key: MetricKey) => metricOf(key).compute(run);
  return {
    id: totals.id,
    policy: totals.policy,
    seed: totals.seed,
    ...valuesOf(serviceMetricKeys, inRun),
    classes: Object.fromEntries(
      tallies.requests.classes.map((tally, _, { length }) => {
        // Of a single class everything is known already; sorting its latencies once more would take as long again.
        const ofClass = length === 1 ? run : talliedClasses([tally]);
        const inClass = (key: ClassMetricKey) => metrics[key].compute(ofClass);
        return [tally.requestClass.name, valuesOf(classMetricKeys, inClass)];
      }),
    ),
    ...valuesOf(clusterMetricKeys, inRun),
    policy_stats: { ...totals.policyStats },
  };
}

/** A declaration allows `null` only where it says when the metric is undefined, which `ValueOf` reads. */
function valuesOf<Key extends MetricKey>(
  keys: readonly Key[],
  compute: (key: Key) => number | null,
): { [K in Key]: ValueOf<K> } {
  return Object.fromEntries(keys.map((key) => [key, compute(key)])) as { [K in Key]: ValueOf<K> };
}
