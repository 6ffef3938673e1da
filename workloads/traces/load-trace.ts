import { createHash } from 'node:crypto';
import { InputError } from '../../harness/base/errors.ts';
import { type Column, floatColumn, intColumn, none } from '../request-table.ts';
import { isComputed, type TraceFormat } from './layout.ts';
import type { TraceFile } from './read-bytes.ts';
import { readRows } from './read-rows.ts';
import { type BadRow, maxReportedRows } from './report.ts';
import type { TraceRow } from './trace-row.ts';
import { type Parsed, parseTime, parseTokens } from './values.ts';
import type { RowFilter } from './where.ts';

/** The usable rows of a trace in order of time, ties in order of the file. */
export interface LoadedTrace {
  readonly sha256: string;
  readonly numRows: number;
  readonly skipped: { readonly count: number; readonly rows: readonly BadRow[] };
  readonly numOutOfOrder: number;
  /** Rows that `where` leaves out. */
  readonly numLeftOut: number;
  readonly numUsable: number;
  /** Whether the rows have times; without, all are at time 0. */
  readonly hasTimes: boolean;
  /** Time of the row in seconds since the earliest one. */
  timeS(index: number): number;
  promptTokens(index: number): number;
  outputTokens(index: number): number;
  /** A number that is equal for equal prompts; `none` where the trace does not say. */
  promptKey(index: number): number;
}

export interface LoadOptions {
  readonly where: RowFilter;
  /** Lengths that are drawn in place of the trace's; a row may then lack them. */
  readonly isReplaced: { readonly promptTokens: boolean; readonly outputTokens: boolean };
}

/** Reads the file once, as a stream. Throws an `InputError` when no row is usable. */
export async function loadTrace(
  file: TraceFile,
  format: TraceFormat,
  options: LoadOptions,
): Promise<LoadedTrace> {
  const hash = createHash('sha256');
  const collector = new RowCollector(format, options);
  for await (const row of readRows(file, format, options.where, hash)) collector.add(row);
  const { numRows, skipped, times } = collector;
  if (times.length === 0) throw noRows(file, collector, options.where);
  const order = timeOrder(times);
  const firstUs = times.at(order(0));
  return {
    sha256: hash.digest('hex'),
    numRows,
    skipped,
    numOutOfOrder: collector.numOutOfOrder,
    numLeftOut: collector.numLeftOut,
    hasTimes: collector.hasTimes,
    numUsable: times.length,
    timeS: (index) => (times.at(order(index)) - firstUs) / 1_000_000,
    promptTokens: (index) => collector.prompts.at(order(index)),
    outputTokens: (index) => collector.outputs.at(order(index)),
    promptKey: (index) => collector.promptKeys.at(order(index)),
  };
}

function noRows(
  file: TraceFile,
  { numRows, numLeftOut, skipped }: RowCollector,
  where: RowFilter,
): InputError {
  const [first] = skipped.rows;
  const asked = where.map(({ column, values }) => `${column}: ${values.join(' or ')}`).join(', ');
  const whyNot = first === undefined ? `none has ${asked}` : first.reason;
  return new InputError({
    source: file.name,
    path: '',
    ...(first === undefined ? {} : { line: first.line }),
    message:
      numRows + numLeftOut === 0
        ? 'the trace has no rows'
        : `none of the ${numRows + numLeftOut} rows can be used: ${whyNot}`,
  });
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
  numLeftOut = 0;
  hasTimes = false;
  readonly #format: TraceFormat;
  readonly #isReplaced: LoadOptions['isReplaced'];
  readonly #keyNumbers = new Map<string, number>();
  #lastUs = -Infinity;

  constructor(format: TraceFormat, { isReplaced }: LoadOptions) {
    this.#format = format;
    this.#isReplaced = isReplaced;
  }

  add(row: TraceRow): void {
    if (row.isLeftOut === true) {
      this.numLeftOut += 1;
      return;
    }
    this.numRows += 1;
    if (row.malformed !== undefined) return this.#skip(row.line, row.malformed);
    const time = this.#timeOf(row);
    if ('reason' in time) return this.#skip(row.line, time.reason);
    const prompt = this.#tokensOf(row, 'promptTokens');
    if ('reason' in prompt) return this.#skip(row.line, prompt.reason);
    const output = this.#tokensOf(row, 'outputTokens');
    if ('reason' in output) return this.#skip(row.line, output.reason);
    if (time.value < this.#lastUs) this.numOutOfOrder += 1;
    this.#lastUs = time.value;
    this.times.push(time.value);
    this.prompts.push(prompt.value);
    this.outputs.push(output.value);
    this.promptKeys.push(row.promptKey === undefined ? none : this.#numberOf(row.promptKey));
  }

  /** A format without times, and a file of one that may have none, give every row time 0. */
  #timeOf(row: TraceRow): Parsed {
    const format = this.#format;
    if (isComputed(format) && (format.time === undefined || row.time === undefined)) return { value: 0 };
    this.hasTimes = true;
    return parseTime(row.time, format.time ?? 's', this.#nameOf('time'));
  }

  #tokensOf(row: TraceRow, part: 'promptTokens' | 'outputTokens'): Parsed {
    const isDrawn = row[part] === undefined && this.#isReplaced[part];
    return isDrawn ? { value: 1 } : parseTokens(row[part], this.#nameOf(part));
  }

  #nameOf(part: 'time' | 'promptTokens' | 'outputTokens'): string {
    return isComputed(this.#format) ? part : columnName(this.#format.columns[part]);
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
