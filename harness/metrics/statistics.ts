import type { Latencies, Quantiles } from './latencies.ts';
import type { Metric } from './metric.ts';
import type { RequestLatency } from './request-latencies.ts';
import type { TalliedRequests, TalliedRun } from './tallied.ts';

/** Every statistic that a latency can have. Its name is the beginning of the metric's key. */
const statistics = {
  mean: { label: 'mean', of: (latencies: Latencies) => latencies.mean() },
  p50: { label: 'p50', of: quantile(0.5) },
  p90: { label: 'p90', of: quantile(0.9) },
  p95: { label: 'p95', of: quantile(0.95) },
  p99: { label: 'p99', of: quantile(0.99) },
  p999: { label: 'p99.9', of: quantile(0.999) },
  max: { label: 'max', of: quantile(1) },
} as const;

type Statistic = keyof typeof statistics;

/**
 * The statistics that can be computed from these latencies: from `Quantiles`, which know order statistics alone, all but
 * the mean.
 */
type StatisticOf<L> = {
  [S in Statistic]: L extends Parameters<(typeof statistics)[S]['of']>[0] ? S : never;
}[Statistic];

function quantile(share: number) {
  return (latencies: Quantiles): number | undefined => latencies.quantile(share);
}

/** The sentence about percentiles that ends every formula with one. */
export const percentiles =
  'Percentiles interpolate linearly between order statistics; of up to 1,000 samples, p99.9 lies between the two largest.';

/** What all statistics of one latency have in common. */
interface Family<S extends Statistic> {
  readonly label: string;
  /** A shorter label for the heads of tables. */
  readonly short?: string;
  readonly unit: 'ms' | 'ms/token';
  readonly formula: string;
  readonly undefinedWhen: string;
  /** The statistics that are columns of the report's table of key figures, and those of its table of far percentiles. */
  readonly keyColumns?: readonly S[];
  readonly tailColumns?: readonly S[];
}

/** One statistic of a latency, as a metric. */
interface StatisticMetric extends Metric {
  readonly better: 'lower';
  readonly undefinedWhen: string;
}

/** The names of the latencies that are tallied for a run as a whole. */
type TalliedLatency = {
  [K in keyof TalliedRun]: TalliedRun[K] extends Quantiles ? K : never;
}[keyof TalliedRun];

/** Declares one metric for each of these statistics of a latency that is tallied for a run as a whole. */
export function runLatency<
  const Stem extends string,
  const L extends TalliedLatency,
  const S extends StatisticOf<TalliedRun[L]>,
>(stem: Stem, { of, statistics: chosen, ...family }: RunFamily<S, L>): RunMetrics<Stem, S> {
  const entries = chosen.map((statistic) => {
    // `StatisticOf` has checked it.
    const statisticOf = statistics[statistic].of as (latencies: TalliedRun[L]) => number | undefined;
    const compute = (run: TalliedRun) => statisticOf(run[of]) ?? null;
    return [keyOf(statistic, stem), { ...describe(statistic, family), compute }];
  });
  return Object.fromEntries(entries) as RunMetrics<Stem, S>;
}

interface RunFamily<S extends Statistic, L extends TalliedLatency> extends Family<S> {
  readonly of: L;
  readonly statistics: readonly S[];
}

type RunMetrics<Stem extends string, S extends Statistic> = {
  readonly [K in S as `${K}_${Stem}_ms`]: StatisticMetric & {
    readonly compute: (run: TalliedRun) => number | null;
  };
};

/** Declares one metric for each of these statistics of a latency of requests. */
export function requestLatency<
  const Latency extends RequestLatency,
  const S extends Statistic,
  const PerClass extends S = never,
  const Compared extends S = never,
>(
  latency: Latency,
  family: RequestFamily<S, PerClass, Compared>,
): RequestMetrics<Latency, S, PerClass, Compared> {
  const { statistics: chosen, perClass = [], compared = [], ...shared } = family;
  const has = (some: readonly Statistic[], statistic: S) => some.includes(statistic);
  const entries = chosen.map((statistic) => [
    keyOf(statistic, latency),
    {
      ...describe(statistic, shared),
      ...(has(perClass, statistic) && { perClass: true }),
      ...(has(compared, statistic) && { compared: 'requests' }),
      compute: (requests: TalliedRequests) => statistics[statistic].of(requests.latencies(latency)) ?? null,
    },
  ]);
  return Object.fromEntries(entries) as RequestMetrics<Latency, S, PerClass, Compared>;
}

interface RequestFamily<S extends Statistic, PerClass extends S, Compared extends S> extends Family<S> {
  readonly statistics: readonly S[];
  /** The statistics that are also given for each class of requests. */
  readonly perClass?: readonly PerClass[];
  /** The statistics on which policies are compared. */
  readonly compared?: readonly Compared[];
}

type RequestMetrics<Latency extends string, S extends Statistic, PerClass, Compared> = {
  readonly [K in S as `${K}_${Latency}_ms`]: StatisticMetric &
    (K extends PerClass ? { readonly perClass: true } : { readonly perClass?: undefined }) &
    (K extends Compared ? { readonly compared: 'requests' } : { readonly compared?: undefined }) & {
      readonly compute: (requests: TalliedRequests) => number | null;
    };
};

function keyOf(statistic: Statistic, stem: string): string {
  return `${statistic}_${stem}_ms`;
}

function describe<S extends Statistic>(statistic: S, family: Omit<Family<S>, 'statistics'>): StatisticMetric {
  const { label, short = label, unit, formula, undefinedWhen, keyColumns, tailColumns } = family;
  const { label: name } = statistics[statistic];
  return {
    label: `${label} ${name}`,
    unit,
    formula,
    better: 'lower',
    undefinedWhen,
    heads: { narrow: [short, name], wide: `${short}\n${name}` },
    ...(keyColumns?.includes(statistic) === true && { table: 'key' }),
    ...(tailColumns?.includes(statistic) === true && { table: 'tail' }),
  };
}
