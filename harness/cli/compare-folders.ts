import { comparedMetrics } from '../metrics/compare.ts';
import { compareRuns } from '../metrics/compare-runs.ts';
import { metrics } from '../metrics/metrics.ts';
import { readFinished } from '../metrics/read-finished.ts';
import type { ExitCode } from './command.ts';
import { metricsNamed } from './compared-metric.ts';

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
  const keys = metric.length === 0 ? comparedMetrics : metricsNamed(metric, 'runs');
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
