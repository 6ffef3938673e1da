import { mean, quantileOfSorted, sorted } from '../base/stats.ts';
import type { MetricKey } from './metrics.ts';
import type { CellSummary, Fidelity } from './results.ts';

/** What the simulator is held against the measurement for. */
export const fidelityMetrics = [
  'p50_ttft_ms',
  'p99_ttft_ms',
  'p50_tpot_ms',
  'p99_tpot_ms',
  'p50_e2el_ms',
  'p99_e2el_ms',
  'slo_attainment',
  'preemption_count',
  'instance_seconds',
] as const satisfies readonly MetricKey[];

/** Returns, for each stack and metric, what was measured and what the simulated twins of the same cells say. */
export function fidelityOf(measured: readonly CellSummary[], twins: readonly CellSummary[]): Fidelity[] {
  const twinOf = new Map(twins.map((twin) => [twin.id, twin]));
  const pairs = measured.flatMap((cell) => {
    const twin = twinOf.get(cell.id);
    return twin === undefined ? [] : [{ cell, twin }];
  });
  const policies = [...new Set(pairs.map(({ cell }) => cell.policy))];
  return policies.flatMap((policy) => {
    const ofPolicy = pairs.filter(({ cell }) => cell.policy === policy);
    return fidelityMetrics.map((metric) => {
      const defined = ofPolicy.filter(({ cell, twin }) => cell[metric] !== null && twin[metric] !== null);
      const measuredMean = mean(defined.map(({ cell }) => Number(cell[metric]))) ?? null;
      const simulatedMean = mean(defined.map(({ twin }) => Number(twin[metric]))) ?? null;
      return {
        policy,
        metric,
        measured: measuredMean,
        simulated: simulatedMean,
        error: errorOf(measuredMean, simulatedMean),
      };
    });
  });
}

/** Relative to what was measured; `null` where that is nothing. */
function errorOf(measured: number | null, simulated: number | null): number | null {
  if (measured === null || simulated === null) return null;
  if (measured === simulated) return 0;
  return measured === 0 ? null : simulated / measured - 1;
}

/** Median of |error| of some metrics over all stacks; `undefined` where none is defined. */
export function medianError(
  fidelity: readonly Fidelity[],
  has: (metric: string) => boolean,
): number | undefined {
  const errors = fidelity.flatMap(({ metric, error }) =>
    error !== null && has(metric) ? [Math.abs(error)] : [],
  );
  return quantileOfSorted(sorted(errors), 0.5);
}
