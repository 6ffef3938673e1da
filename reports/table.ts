import type { MetricKey } from '../harness/metrics/metrics.ts';
import type { StackInfo } from '../harness/metrics/results.ts';
import { definitionOf, figureOf } from './figures.ts';
import { formatNumber, formatPercent, plural, undefinedMark } from './format.ts';
import {
  fewSamplesNotes,
  keyColumns,
  keyRows,
  notFinishedNote,
  tailColumns,
  verdictMetric,
} from './key-numbers.ts';
import type { Column, KeyRow } from './key-numbers.ts';
import type { Results } from './load.ts';
import { setUpOf } from './set-up.ts';
import { trustNotes } from './trust.ts';

const maxNameLength = 18;

/** The closing table of a run: plain aligned text of at most 100 columns, with a note on how it was made. */
export function closingTable(results: Results): string {
  const rows = keyRows(results);
  const lines = [
    ['', ...keyColumns.map((column, index) => groupHead(column, index)), 'against'],
    ['policy', ...keyColumns.map(({ narrow }) => narrow[1]), clip(results.manifest.baseline, 12)],
    ...rows.map((row) => [markedName(row), ...keyColumns.map((column) => shown(row, column)), row.verdict]),
  ];
  const lastColumn = keyColumns.length + 1;
  return [
    ...aligned(clipped(lines), [0, lastColumn]),
    '',
    ...tailLines(results, rows),
    ...notes(results, rows),
  ].join('\n');
}

/** Below it, p99.9 lies between the two largest values (see its definition). */
const enoughForTail = 1000;

/** P99.9 has a table of its own, beside which the key table stays narrow; nothing where no stack has requests enough. */
function tailLines(results: Results, rows: readonly KeyRow[]): string[] {
  const hasEnough = ({ stack }: KeyRow) =>
    (figureOf(results, stack, 'num_ttft_samples')?.low ?? 0) > enoughForTail;
  if (!rows.some(hasEnough)) return [];
  const lines = [
    ['p99.9', ...tailColumns.map(({ narrow }) => narrow[0])],
    ...rows.map((row) => [markedName(row), ...tailColumns.map((column) => shown(row, column))]),
  ];
  return [...aligned(clipped(lines), [0]), ''];
}

/** The same figures for `--format json`. */
interface TableJson {
  readonly name: string;
  readonly baseline: string;
  readonly seeds: readonly number[];
  readonly verdict_metric: string | null;
  /** What a reader must know to believe a measured run, in sentences. */
  readonly notes: readonly string[];
  /** Every figure is the mean of the finished seeds' values; `null` where undefined. */
  readonly policies: readonly ({
    readonly policy: string;
    readonly family: StackInfo['family'];
    readonly cells_done: number;
    readonly cells: number;
    /** Over the finished cells. */
    readonly requests: number;
    readonly requests_not_finished: number;
    readonly verdict: string;
  } & Readonly<Partial<Record<MetricKey, number | null>>>)[];
}

export function tableJson(results: Results): TableJson {
  const { name, baseline, seeds } = results.manifest;
  const policies = keyRows(results).map((row) => {
    const { stack, figures, numDone, numCells, verdict } = row;
    const columns = [...keyColumns, ...tailColumns];
    return {
      policy: stack.name,
      family: stack.family,
      cells_done: numDone,
      cells: numCells,
      requests: row.numOffered,
      requests_not_finished: row.numNotFinished,
      verdict,
      ...Object.fromEntries(columns.map(({ key }) => [key, figures[key]?.mean ?? null])),
    };
  });
  const metric = verdictMetric(results) ?? null;
  return { name, baseline, seeds, verdict_metric: metric, notes: trustNotes(results), policies };
}

function notes(results: Results, rows: readonly KeyRow[]): string[] {
  const metric = verdictMetric(results);
  const by =
    metric === undefined
      ? ''
      : ` Verdict: ${definitionOf(results, metric).label}, paired by seed and request.`;
  const lines = [`Mean over ${plural(results.manifest.seeds.length, 'seed')} of each seed's figure.${by}`];
  for (const row of rows) {
    const { stack, numDone, numCells } = row;
    const lost = notFinishedNote(row);
    if (lost !== '') lines.push(`! ${clip(stack.name, 30)}: ${lost}.`);
    if (numDone < numCells)
      lines.push(`${clip(stack.name, 40)}: only ${numDone} of ${numCells} cells finished.`);
  }
  if (rows.some((row) => notFinishedNote(row) !== '')) {
    lines.push('TPOT leaves out requests that were not finished, TTFT those without a first token.');
  }
  lines.push(...fewSamplesNotes(results).map((line) => clip(line, 100)));
  const setUp = setUpOf(results.manifest.config);
  if (setUp !== undefined) lines.push(`Engine: ${setUp.engine}. Load reports: ${setUp.loadReports}.`);
  lines.push(...(setUp?.steadyWindow ?? []));
  lines.push(...trustNotes(results));
  if (results.manifest.backend.mode === 'simulate') lines.push('SIMULATED: nothing was executed.');
  return lines;
}

/** A stack that left requests behind is marked. */
function markedName({ stack, numNotFinished }: KeyRow): string {
  return numNotFinished === 0 ? stack.name : `${clip(stack.name, maxNameLength - 2)} !`;
}

/** The first of two columns under one head carries it. */
function groupHead({ narrow: [group] }: Column, index: number): string {
  return keyColumns[index - 1]?.narrow[0] === group ? '' : group;
}

function shown({ figures }: KeyRow, { key, unit }: Column): string {
  const value = figures[key]?.mean;
  if (value === undefined) return undefinedMark;
  return unit === 'ratio' ? formatPercent(value) : formatNumber(value);
}

function clipped(lines: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return lines.map((line) => line.map((text) => clip(text, maxNameLength)));
}

/** Columns of text two spaces apart: names and words to the left, numbers to the right. */
export function aligned(lines: readonly (readonly string[])[], textColumns: readonly number[]): string[] {
  const widths = (lines[0] ?? []).map((_, index) =>
    Math.max(...lines.map((line) => line[index]?.length ?? 0)),
  );
  const pad = (text: string, index: number) =>
    textColumns.includes(index) ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0);
  return lines.map((line) => line.map(pad).join('  ').trimEnd());
}

/** Control characters would break the terminal's lines. */
function clip(text: string, length: number): string {
  const plain = text.replace(/\p{Cc}/gu, ' ');
  return plain.length <= length ? plain : `${plain.slice(0, length - 1)}…`;
}
