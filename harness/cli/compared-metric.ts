import { InputError } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import { comparedMetrics } from '../metrics/compare.ts';
import type { ComparedMetricKey } from '../metrics/metrics.ts';

/** The metrics of `--metric` flags. Throws an `InputError` that names each that `what` (runs, points) are not compared on, with the nearest. */
export function metricsNamed(names: readonly string[], what: string): readonly ComparedMetricKey[] {
  const known: ReadonlyMap<string, ComparedMetricKey> = new Map(comparedMetrics.map((key) => [key, key]));
  const issues = names
    .filter((name) => !known.has(name))
    .map((name) => ({
      source: '--metric',
      path: name,
      message: `${what} are not compared on such a metric`,
      hint: suggest(name, comparedMetrics),
    }));
  if (issues.length > 0) throw new InputError(issues);
  return names.flatMap((name) => known.get(name) ?? []);
}
