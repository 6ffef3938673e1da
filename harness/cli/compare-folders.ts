import { InputError } from '../base/errors.ts';
import { suggest } from '../base/suggest.ts';
import { comparedMetrics } from '../metrics/compare.ts';
import { compareRuns } from '../metrics/compare-runs.ts';
import { type ComparedMetricKey, metrics } from '../metrics/metrics.ts';
import { readFinished } from '../metrics/read-finished.ts';
import type { ExitCode } from './command.ts';

interface CompareFlags {
  readonly before: string;
  readonly after: string;
  readonly metric: readonly string[];
  readonly failOn: 'worse' | 'different' | undefined;
  readonly format: 'table' | 'json';
}

/** Prints what differs between two runs. Returns 99 where something does that `--fail-on` asks about. */
export async function compareFolders({
  before,
  after,
  metric,
  failOn,
  format,
}: CompareFlags): Promise<ExitCode> {
  const keys = metric.length === 0 ? comparedMetrics : metricsNamed(metric);
  const folders = [await readFinished(before), await readFinished(after)] as const;
  const compared = await compareRuns(...folders, keys);
  if (format === 'json') console.log(JSON.stringify(compared, undefined, 2));
  else {
    const { runComparisonText } = await import('../../reports/run-comparison.ts');
    console.log(runComparisonText({ before: folders[0], after: folders[1], compared, definitions: metrics }));
  }
  const failing = compared.comparisons.filter(
    ({ verdict }) => verdict === 'worse' || (failOn === 'different' && verdict === 'better'),
  );
  return failOn !== undefined && failing.length > 0 ? 99 : 0;
}

function metricsNamed(names: readonly string[]): readonly ComparedMetricKey[] {
  const known: ReadonlyMap<string, ComparedMetricKey> = new Map(comparedMetrics.map((key) => [key, key]));
  const issues = names
    .filter((name) => !known.has(name))
    .map((name) => ({
      source: '--metric',
      path: name,
      message: 'runs are not compared on such a metric',
      hint: suggest(name, comparedMetrics),
    }));
  if (issues.length > 0) throw new InputError(issues);
  return names.flatMap((name) => known.get(name) ?? []);
}
