import { checkMetrics } from './declarations/checks.ts';
import { instanceMetrics } from './declarations/instances.ts';
import { interruptionMetrics } from './declarations/interruptions.ts';
import { latencyMetrics } from './declarations/latencies.ts';
import { memoryMetrics } from './declarations/memory.ts';
import { requestMetrics } from './declarations/requests.ts';
import { useMetrics } from './declarations/use.ts';
import type { MetricDeclaration } from './metric.ts';

/**
 * Metrics of what clients got. In a summary the figures of the classes come after them, and then those of what that
 * service took.
 */
const serviceMetrics = { ...requestMetrics, ...latencyMetrics } as const;

const clusterMetrics = {
  ...instanceMetrics,
  ...interruptionMetrics,
  ...useMetrics,
  ...memoryMetrics,
  ...checkMetrics,
} as const;

/**
 * Every metric by its key in `summary.json`, in the order there. Summary, schema, comparison, names in thresholds and the
 * report's tables follow from it.
 */
export const metrics = { ...serviceMetrics, ...clusterMetrics } as const;

export type MetricKey = keyof typeof metrics;

/** The type of the value of a metric. */
export type ValueOf<Key extends MetricKey> = (typeof metrics)[Key] extends { readonly undefinedWhen: string }
  ? number | null
  : number;

type Having<Feature> = {
  [Key in MetricKey]: (typeof metrics)[Key] extends Feature ? Key : never;
}[MetricKey];

/** Metrics that each class of requests has too. */
export type ClassMetricKey = Having<{ readonly perClass: true }>;

/** Metrics that policies are compared on: computed again from resampled requests, or with one number for each seed. */
export type ResampledMetricKey = Having<{ readonly compared: 'requests' }>;
export type SeedMetricKey = Having<{ readonly compared: 'seeds' }>;
export type ComparedMetricKey = ResampledMetricKey | SeedMetricKey;
export type ComparedClassMetricKey = ResampledMetricKey & ClassMetricKey;

export const serviceMetricKeys = keysOf(serviceMetrics);
export const clusterMetricKeys = keysOf(clusterMetrics);
export const metricKeys = keysOf(metrics);
export const classMetricKeys = metricKeys.filter(
  (key): key is ClassMetricKey => metricOf(key).perClass === true,
);
export const resampledMetricKeys = metricKeys.filter(
  (key): key is ResampledMetricKey => metricOf(key).compared === 'requests',
);
export const seedMetricKeys = metricKeys.filter(
  (key): key is SeedMetricKey => metricOf(key).compared === 'seeds',
);

/** What stacks are compared on class by class: metrics of a class that a resample of its requests gives. */
export const comparedClassMetricKeys = resampledMetricKeys.filter((key): key is ComparedClassMetricKey =>
  classMetricKeys.some((other) => other === key),
);

/** Returns the declaration of the metric with this key in `summary.json`. */
export function metricOf(key: MetricKey): MetricDeclaration {
  return metrics[key];
}

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): readonly Key[] {
  return Object.keys(record) as Key[];
}
