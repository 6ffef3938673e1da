import type { Unit } from '../harness/metrics/metric.ts';
import { metricKeys, metricOf } from '../harness/metrics/metrics.ts';
import type { MetricKey } from '../harness/metrics/metrics.ts';
import type { Comparison, StackInfo } from '../harness/metrics/results.ts';
import { comparedMetrics, comparisonsOf, figureOf } from './figures.ts';
import type { Figure } from './figures.ts';
import { formatNumber } from './format.ts';
import { cellsOf } from './load.ts';
import type { Results } from './load.ts';
import { isDisturbed } from './trust.ts';
import { headlineMetrics } from './verdict.ts';

/** A column of a table. */
export interface Column {
  readonly key: MetricKey;
  readonly unit: Unit;
  /** Its head in two lines, for the terminal. */
  readonly narrow: readonly [string, string];
  /** Its head on the page. */
  readonly wide: string;
}

/** Columns of the key table, on the terminal and on the page. */
export const keyColumns = columnsOf('key');

/** The far tail: in JSON always, on the terminal where there are requests enough for it. */
export const tailColumns = columnsOf('tail');

/** The metrics that are declared to stand in this table, latencies with their unit. */
function columnsOf(table: 'key' | 'tail'): readonly Column[] {
  return metricKeys.flatMap((key): Column[] => {
    const { unit, heads, ...metric } = metricOf(key);
    if (metric.table !== table) return [];
    const { narrow, wide } = heads ?? { narrow: [metric.label, ''] as const, wide: metric.label };
    if (!unit.startsWith('ms')) return [{ key, unit, narrow, wide }];
    return [{ key, unit, narrow: [`${narrow[0]} ms`, narrow[1]], wide: `${wide}, ms` }];
  });
}

/** One stack's line in the key table: means over the finished seeds, and how it compares. */
export interface KeyRow {
  readonly stack: StackInfo;
  readonly numDone: number;
  readonly numCells: number;
  readonly figures: Readonly<Partial<Record<MetricKey, Figure>>>;
  readonly verdict: string;
  /** Requests of all finished cells, and those that the stack did not finish, although the client wanted them: percentiles leave them out. */
  readonly numOffered: number;
  readonly numNotFinished: number;
}

/** In the manifest's order; a stack without a finished cell has no figures but keeps its line. */
export function keyRows(results: Results): readonly KeyRow[] {
  return results.manifest.stacks.map((stack) => {
    const cells = results.cells.filter((cell) => cell.policy === stack.name);
    const figures: Partial<Record<MetricKey, Figure>> = {};
    for (const { key } of [...keyColumns, ...tailColumns]) {
      const figure = figureOf(results, stack, key);
      if (figure !== undefined) figures[key] = figure;
    }
    const numDone = cells.filter((cell) => cell.status === 'done').length;
    const verdict = verdictOf(results, stack);
    return { stack, numDone, numCells: cells.length, figures, verdict, ...requestCounts(results, stack) };
  });
}

function requestCounts(results: Results, stack: StackInfo): Pick<KeyRow, 'numOffered' | 'numNotFinished'> {
  let [numOffered, numNotFinished] = [0, 0];
  for (const { summary } of cellsOf(results, stack)) {
    numOffered += summary.offered;
    // What the client gave up, since other branches had answered, is no failure of the stack.
    numNotFinished += summary.offered - summary.completed - summary.aborted;
  }
  return { numOffered, numNotFinished };
}

/** What a reader must know about the figures of a stack that left requests behind; empty where it left none. */
export function notFinishedNote({ numOffered, numNotFinished }: KeyRow): string {
  if (numNotFinished === 0) return '';
  return `${formatNumber(numNotFinished)} of ${formatNumber(numOffered)} requests not finished`;
}

/** So many samples and fewer, and p99 lies between the two largest. */
const enoughForP99 = 100;

/** Says how many samples the p99 of each stack comes from where those are too few for it, in lines; none where there are enough. */
export function fewSamplesNotes(results: Results): readonly string[] {
  const few = results.manifest.stacks.flatMap((stack) => {
    const [ttft, tpot] = (['num_ttft_samples', 'num_tpot_samples'] as const).map(
      (key) => figureOf(results, stack, key)?.low,
    );
    if (ttft === undefined || tpot === undefined || Math.min(ttft, tpot) > enoughForP99) return [];
    return [`${stack.name} ${formatNumber(ttft)} TTFT, ${formatNumber(tpot)} TPOT`];
  });
  if (few.length === 0) return [];
  return [
    `P99 of ${enoughForP99} samples or fewer lies between the two largest. Samples of the seed with the fewest:`,
    ...few.map((line, index) => (index < few.length - 1 ? `${line};` : `${line}.`)),
  ];
}

/** The metric by which the table names a stack better or worse; the first compared one where it was not compared. */
export function verdictMetric(results: Results): string | undefined {
  const compared = comparedMetrics(results);
  return compared.find((metric) => metric === headlineMetrics[0]) ?? compared[0];
}

function verdictOf(results: Results, stack: StackInfo): string {
  if (stack.name === results.manifest.baseline) return 'baseline';
  const verdict = comparisonWith(results, stack)?.verdict;
  return verdict ?? (isDisturbed(results, stack.name) ? 'disturbed' : 'not compared');
}

function comparisonWith(results: Results, stack: StackInfo): Comparison | undefined {
  const metric = verdictMetric(results);
  if (metric === undefined) return undefined;
  return comparisonsOf(results, metric).find((comparison) => comparison.policy === stack.name);
}
