import { createHash } from 'node:crypto';
import { InputError } from '../../harness/base/errors.ts';
import { type Column, floatColumn, intColumn, none } from '../request-table.ts';
import type { TraceLayout } from './layout.ts';
import { readRows, type TraceFile, type TraceRow } from './read-rows.ts';
import { type BadRow, maxReportedRows } from './report.ts';
import { parseTime, parseTokens } from './values.ts';

/** The usable rows of a trace in order of time, ties in order of the file. */
export interface LoadedTrace {
  readonly sha256: string;
  readonly numRows: number;
  readonly skipped: { readonly count: number; readonly rows: readonly BadRow[] };
  readonly numOutOfOrder: number;
  readonly numUsable: number;
  /** Time of the row in seconds since the earliest one. */
  timeS(index: number): number;
  promptTokens(index: number): number;
  outputTokens(index: number): number;
  /** A number that is equal for equal prompts; `none` where the trace does not say. */
  promptKey(index: number): number;
}

/** Reads the file once, as a stream. Throws an `InputError` when no row is usable. */
export async function loadTrace(file: TraceFile, layout: TraceLayout): Promise<LoadedTrace> {
  const hash = createHash('sha256');
  const collector = new RowCollector(layout);
  for await (const row of readRows(file, layout, hash)) collector.add(row);
  const { numRows, skipped, times } = collector;
  if (times.length === 0) {
    const first = skipped.rows[0];
    throw new InputError({
      source: file.name,
      path: '',
      ...(first === undefined ? {} : { line: first.line }),
      message:
        first === undefined
          ? 'the trace has no rows'
          : `none of the ${numRows} rows can be used: ${first.reason}`,
    });
  }
  const order = timeOrder(times);
  const firstUs = times.at(order(0));
  return {
    sha256: hash.digest('hex'),
    numRows,
    skipped,
    numOutOfOrder: collector.numOutOfOrder,
    numUsable: times.length,
    timeS: (index) => (times.at(order(index)) - firstUs) / 1_000_000,
    promptTokens: (index) => collector.prompts.at(order(index)),
    outputTokens: (index) => collector.outputs.at(order(index)),
    promptKey: (index) => collector.promptKeys.at(order(index)),
  };
}

/** Takes rows apart into columns, and keeps account of those that cannot be used. */
class RowCollector {
  readonly times = floatColumn();
  readonly prompts = intColumn();
  readonly outputs = intColumn();
  readonly promptKeys = intColumn();
  readonly skipped: { count: number; rows: BadRow[] } = { count: 0, rows: [] };
  numRows = 0;
  numOutOfOrder = 0;
  readonly #layout: TraceLayout;
  readonly #keyNumbers = new Map<string, number>();
  #lastUs = -Infinity;

  constructor(layout: TraceLayout) {
    this.#layout = layout;
  }

  add(row: TraceRow): void {
    const { columns, time: unit } = this.#layout;
    this.numRows += 1;
    if (row.malformed !== undefined) return this.#skip(row.line, row.malformed);
    const time = parseTime(row.time, unit, columnName(columns.time));
    if ('reason' in time) return this.#skip(row.line, time.reason);
    const prompt = parseTokens(row.promptTokens, columnName(columns.promptTokens));
    if ('reason' in prompt) return this.#skip(row.line, prompt.reason);
    const output = parseTokens(row.outputTokens, columnName(columns.outputTokens));
    if ('reason' in output) return this.#skip(row.line, output.reason);
    if (time.value < this.#lastUs) this.numOutOfOrder += 1;
    this.#lastUs = time.value;
    this.times.push(time.value);
    this.prompts.push(prompt.value);
    this.outputs.push(output.value);
    this.promptKeys.push(row.promptKey === undefined ? none : this.#numberOf(row.promptKey));
  }

  #skip(line: number, reason: string): void {
    this.skipped.count += 1;
    if (this.skipped.rows.length < maxReportedRows) this.skipped.rows.push({ line, reason });
  }

  #numberOf(key: string): number {
    const known = this.#keyNumbers.get(key);
    if (known !== undefined) return known;
    this.#keyNumbers.set(key, this.#keyNumbers.size);
    return this.#keyNumbers.size - 1;
  }
}

function columnName(column: string | number): string {
  return typeof column === 'number' ? `column ${column}` : column;
}

/** Returns what maps a position in time order to a row; the identity for the usual, sorted file. */
function timeOrder(times: Column<Float64Array>): (index: number) => number {
  let isSorted = true;
  for (let row = 1; row < times.length && isSorted; row += 1) isSorted = times.at(row - 1) <= times.at(row);
  if (isSorted) return (index) => index;
  const rows = Int32Array.from({ length: times.length }, (_, row) => row).toSorted(
    (a, b) => times.at(a) - times.at(b) || a - b,
  );
  return (index) => rows[index] ?? none;
}
