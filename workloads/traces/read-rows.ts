import { createReadStream } from 'node:fs';
import type { Hash } from 'node:crypto';
import { pipeline } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { CsvError, parse } from 'csv-parse';
import { InputError, type InputIssue } from '../../harness/base/errors.ts';
import { suggest } from '../../harness/base/suggest.ts';
import type { TraceLayout } from './layout.ts';

/** One line of data, fields still as they are in the file. */
export interface TraceRow {
  /** 1-based line where the row ends. */
  readonly line: number;
  readonly time: unknown;
  readonly promptTokens: unknown;
  readonly outputTokens: unknown;
  /** Rows with an equal key have equal prompts. */
  readonly promptKey?: string;
  /** Set when the line could not be taken apart at all. */
  readonly malformed?: string;
}

export interface TraceFile {
  readonly path: string;
  /** The file as the user names it, for messages. */
  readonly name: string;
}

/** Streams a trace row by row; every byte of the file also goes into `hash`. */
export function readRows(file: TraceFile, layout: TraceLayout, hash: Hash): AsyncIterable<TraceRow> {
  const chunks = readChunks(file.path, hash);
  return layout.file === 'csv' ? readCsv(chunks, file, layout) : readJsonLines(chunks, file, layout);
}

async function* readChunks(path: string, hash: Hash): AsyncGenerator<Buffer> {
  const stream: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1 << 18 });
  for await (const chunk of stream) {
    hash.update(chunk);
    yield chunk;
  }
}

/** A row longer than this means that the file is not what it is said to be. */
const maxRowBytes = 1 << 20;

async function* readCsv(
  chunks: AsyncIterable<Buffer>,
  file: TraceFile,
  layout: TraceLayout,
): AsyncGenerator<TraceRow> {
  const parser = parse({
    bom: true,
    delimiter: layout.delimiter,
    max_record_size: maxRowBytes,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    relax_quotes: true,
  });
  // Errors come out of the loop below; the pipeline closes the file, also when the loop is left early.
  pipeline(chunks, parser, () => {});
  const records: AsyncIterable<readonly string[]> = parser;
  let positions = typeof layout.columns.time === 'number' ? columnPositions(layout, [], file) : undefined;
  // Counted here: csv-parse's own line numbers (its option info) make reading a large trace twice as slow.
  let line = 0;
  try {
    for await (const record of records) {
      line += 1 + countLineBreaks(record);
      if (isEmptyLine(record)) continue;
      if (positions === undefined) {
        const header = record.map((name) => name.trim());
        positions = columnPositions(layout, header, file);
        continue;
      }
      yield {
        line,
        time: record[positions.time],
        promptTokens: record[positions.promptTokens],
        outputTokens: record[positions.outputTokens],
      };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new InputError(
      { source: file.name, path: '', message: `not a CSV file: ${error.message}` },
      { cause: error },
    );
  }
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
}

function columnPositions({ columns }: TraceLayout, header: readonly string[], file: TraceFile): Positions {
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

async function* readJsonLines(
  chunks: AsyncIterable<Buffer>,
  file: TraceFile,
  layout: TraceLayout,
): AsyncGenerator<TraceRow> {
  let line = 0;
  for await (const text of readLines(chunks, file)) {
    line += 1;
    if (text.trim() !== '') yield jsonRow(text, line, layout);
  }
}

function jsonRow(text: string, line: number, { columns, promptKey }: TraceLayout): TraceRow {
  const fields = parseObject(text);
  if (fields === undefined) {
    const malformed = 'not a JSON object';
    return { line, time: undefined, promptTokens: undefined, outputTokens: undefined, malformed };
  }
  const key = promptKey === undefined ? undefined : fields[promptKey];
  return {
    line,
    time: fields[columns.time],
    promptTokens: fields[columns.promptTokens],
    outputTokens: fields[columns.outputTokens],
    ...(Array.isArray(key) ? { promptKey: key.join() } : {}),
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // The caller reports the line.
    return undefined;
  }
}

async function* readLines(chunks: AsyncIterable<Buffer>, file: TraceFile): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let isFirst = true;
  for await (const chunk of chunks) {
    const text = decoder.write(chunk);
    const lines = (rest + (isFirst ? text.replace(/^\uFEFF/u, '') : text)).split('\n');
    isFirst = false;
    rest = lines.pop() ?? '';
    if (rest.length > maxRowBytes) {
      throw new InputError({
        source: file.name,
        path: '',
        message: `a line is longer than ${maxRowBytes} bytes`,
      });
    }
    yield* lines;
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
