import { Readable, pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { InputError, type InputIssue } from '../../harness/base/errors.ts';
import { suggest } from '../../harness/base/suggest.ts';
import type { TraceLayout } from './layout.ts';
import type { TraceFile } from './read-bytes.ts';
import { maxRowBytes, type TraceRow } from './trace-row.ts';
import { isWanted, type RowFilter } from './where.ts';

/** Streams the rows of a CSV file. Throws an `InputError` where it is none, or lacks a column. */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  file: TraceFile,
  layout: TraceLayout,
  where: RowFilter,
): AsyncGenerator<TraceRow> {
  let positions =
    typeof layout.columns.time === 'number' ? columnPositions(layout, [], file, where) : undefined;
  // Counted here: csv-parse's own line numbers (its option info) make reading a large trace twice as slow.
  let line = 0;
  try {
    for await (const record of readRecords(chunks, layout)) {
      line += 1 + countLineBreaks(record);
      if (isEmptyLine(record)) continue;
      if (positions === undefined) {
        const header = record.map((name) => name.trim());
        positions = columnPositions(layout, header, file, where);
        continue;
      }
      yield rowOf(record, line, positions);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new InputError(
      { source: file.name, path: '', message: `not a CSV file: ${error.message}` },
      { cause: error },
    );
  }
}

function readRecords(
  chunks: AsyncIterable<Uint8Array>,
  { delimiter }: TraceLayout,
): AsyncIterable<readonly string[]> {
  const parser = parse({
    bom: true,
    delimiter,
    max_record_size: maxRowBytes,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    relax_quotes: true,
  });
  // Errors come out of the loop over it; the pipeline closes the file, also when that loop is left early.
  pipeline(Readable.from(chunks), parser, () => {});
  return parser;
}

function rowOf(record: readonly string[], line: number, positions: Positions): TraceRow {
  const { time, promptTokens, outputTokens, filters } = positions;
  const isLeftOut = filters.some(({ position, values }) => !isWanted(record[position]?.trim(), values));
  return {
    line,
    time: record[time],
    promptTokens: record[promptTokens],
    outputTokens: record[outputTokens],
    ...(isLeftOut ? { isLeftOut } : {}),
  };
}

/** Counts the line breaks inside quoted fields. */
function countLineBreaks(record: readonly string[]): number {
  let count = 0;
  for (const field of record) {
    if (field.includes('\n')) count += field.split('\n').length - 1;
  }
  return count;
}

function isEmptyLine(record: readonly string[]): boolean {
  return record.length === 1 && record[0] === '';
}

interface Positions {
  readonly time: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly filters: readonly { readonly position: number; readonly values: readonly string[] }[];
}

function columnPositions(
  { columns }: TraceLayout,
  header: readonly string[],
  file: TraceFile,
  where: RowFilter,
): Positions {
  const issues: InputIssue[] = [];
  const find = (column: string | number): number => {
    if (typeof column === 'number') return column;
    const position = header.indexOf(column);
    if (position < 0) issues.push(missingColumn(column, header, file));
    return position;
  };
  const positions = {
    time: find(columns.time),
    promptTokens: find(columns.promptTokens),
    outputTokens: find(columns.outputTokens),
    filters: where.map(({ column, values }) => ({ position: find(column), values })),
  };
  if (issues.length > 0) throw new InputError(issues);
  return positions;
}

function missingColumn(column: string, header: readonly string[], file: TraceFile): InputIssue {
  const names = header.slice(0, 16).map((name) => name.slice(0, 40));
  return {
    source: file.name,
    path: '',
    line: 1,
    message: `the header has no column "${column}"`,
    hint: suggest(column, names),
  };
}
