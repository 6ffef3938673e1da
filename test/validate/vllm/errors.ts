import { must } from '../../../harness/base/assert.ts';
import { mean, quantileOfSorted, sorted } from '../../../harness/base/stats.ts';
import type { Latency } from './replay.ts';

export const metrics = ['ttft', 'tpot', 'e2e'] as const;
export const figures = ['mean', 'p50', 'p90', 'p99'] as const;

type Metric = (typeof metrics)[number];
type Figure = (typeof figures)[number];

export interface Comparison {
  readonly measuredMs: number;
  readonly simulatedMs: number;
  /** Simulated over measured, less one. */
  readonly error: number;
}

export type Comparisons = Readonly<Record<Metric, Readonly<Record<Figure, Comparison>>>>;

/** Every figure of every metric, over the same requests on both sides. */
export function compare(simulated: readonly Latency[], measured: readonly Latency[]): Comparisons {
  const ofMetric = (metric: Metric) => {
    const ours = figuresOf(simulated.map((latency) => latency[metric]));
    const theirs = figuresOf(measured.map((latency) => latency[metric]));
    return record(figures, (figure) => comparison(ours[figure], theirs[figure]));
  };
  return record(metrics, ofMetric);
}

function comparison(simulatedS: number, measuredS: number): Comparison {
  return {
    measuredMs: measuredS * 1000,
    simulatedMs: simulatedS * 1000,
    error: simulatedS / measuredS - 1,
  };
}

function figuresOf(values: readonly number[]): Readonly<Record<Figure, number>> {
  const ordered = sorted(values);
  const quantile = (share: number) => must(quantileOfSorted(ordered, share), 'a request');
  return {
    mean: must(mean(values), 'a request'),
    p50: quantile(0.5),
    p90: quantile(0.9),
    p99: quantile(0.99),
  };
}

function record<Key extends string, T>(keys: readonly Key[], of: (key: Key) => T): Record<Key, T> {
  return Object.fromEntries(keys.map((key) => [key, of(key)])) as Record<Key, T>;
}

/** The largest error, either way, that is to be had on requests that were not fitted. */
export const goals: readonly { readonly metric: Metric; readonly figure: Figure; readonly error: number }[] =
  [
    { metric: 'ttft', figure: 'mean', error: 0.05 },
    { metric: 'ttft', figure: 'p99', error: 0.08 },
    { metric: 'tpot', figure: 'mean', error: 0.03 },
    { metric: 'tpot', figure: 'p99', error: 0.08 },
  ];

/** Goals that are not met, in words. */
export function missedGoals(comparisons: Comparisons): string[] {
  return goals.flatMap(({ metric, figure, error: allowed }) => {
    const { error } = comparisons[metric][figure];
    return Math.abs(error) <= allowed
      ? []
      : [`${metric} ${figure}: ${percent(error)}, goal ${percent(allowed)}`];
  });
}

export function percent(share: number): string {
  return `${share > 0 ? '+' : ''}${(100 * share).toFixed(1)} %`;
}
