import { StringDecoder } from 'node:string_decoder';
import { InputError } from '../../harness/base/errors.ts';
import { fieldOf } from './computed.ts';
import { readElements } from './json-elements.ts';
import type { ComputedFormat, TraceLayout } from './layout.ts';
import type { TraceFile } from './read-bytes.ts';
import { maxRowBytes, type TraceRow } from './trace-row.ts';
import { isWanted, type RowFilter } from './where.ts';

/** Streams the rows of a file of JSON Lines. */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  file: TraceFile,
  layout: TraceLayout,
  where: RowFilter,
): AsyncGenerator<TraceRow> {
  let line = 0;
  for await (const text of readLines(decoded(chunks), file)) {
    line += 1;
    if (text.trim() !== '') yield jsonRow(text, line, layout, where);
  }
}

/** Streams the rows that a format computes from the values of a file of JSON. */
export async function* readComputed(
  chunks: AsyncIterable<Uint8Array>,
  file: TraceFile,
  format: ComputedFormat,
  where: RowFilter,
): AsyncGenerator<TraceRow> {
  let line = 0;
  for await (const text of textsOf(decoded(chunks), file, format)) {
    line += 1;
    if (text.trim() === '') continue;
    const value = parseObject(text);
    if (value === undefined) yield { line, malformed: 'not a JSON object' };
    else yield* rowsOfValue(value, line, format, where);
  }
}

function* rowsOfValue(
  value: object,
  line: number,
  format: ComputedFormat,
  where: RowFilter,
): Generator<TraceRow> {
  const isLeftOut = !isWantedObject(value, where);
  let row = 0;
  for (const computed of format.rowsOf(value)) {
    row += 1;
    const place = format.file === 'json-object' ? row : line;
    yield { line: place, ...computed, ...(isLeftOut ? { isLeftOut } : {}) };
  }
}

function textsOf(
  texts: AsyncIterable<string>,
  file: TraceFile,
  format: ComputedFormat,
): AsyncIterable<string> {
  switch (format.file) {
    case 'json-lines':
      return readLines(texts, file);
    case 'json-list':
      return readElements(texts, file.name);
    case 'json-object':
      return readWhole(texts, file);
  }
}

function jsonRow(text: string, line: number, layout: TraceLayout, where: RowFilter): TraceRow {
  const { columns, promptKey } = layout;
  const fields = parseObject(text);
  if (fields === undefined) return { line, malformed: 'not a JSON object' };
  const key = promptKey === undefined ? undefined : keyOf(fields[promptKey], promptKey, text);
  return {
    line,
    time: fields[columns.time],
    promptTokens: fields[columns.promptTokens],
    outputTokens: fields[columns.outputTokens],
    ...(key === undefined ? {} : { promptKey: key }),
    ...(isWantedObject(fields, where) ? {} : { isLeftOut: true }),
  };
}

/**
 * Returns the text that stands for a list of block ids; `undefined` where there is no block to share. Ids beyond 2^53 are
 * no longer told apart once they are numbers, so those are taken from the line as they stand.
 */
function keyOf(ids: unknown, name: string, text: string): string | undefined {
  if (!Array.isArray(ids) || ids.length === 0) return undefined;
  const isExact = ids.every((id) => typeof id !== 'number' || Number.isSafeInteger(id));
  if (isExact) return ids.join();
  const start = text.indexOf('[', text.indexOf(JSON.stringify(name)));
  return text.slice(start + 1, text.indexOf(']', start)).replaceAll(/\s/gu, '');
}

function isWantedObject(fields: object, where: RowFilter): boolean {
  return where.every(({ column, values }) => isWanted(fieldOf(fields, column), values));
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

/** Decodes UTF-8 without a byte order mark. */
async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let isFirst = true;
  for await (const chunk of chunks) {
    const text = decoder.write(chunk);
    if (text === '') continue;
    yield isFirst ? text.replace(/^\uFEFF/u, '') : text;
    isFirst = false;
  }
  yield decoder.end();
}

async function* readLines(texts: AsyncIterable<string>, file: TraceFile): AsyncGenerator<string> {
  let rest = '';
  for await (const text of texts) {
    const lines = (rest + text).split('\n');
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
  if (rest !== '') yield rest;
}

/** Longest document that is read as one value; a text may not be longer than twice that. */
const maxWholeLength = 1 << 28;

async function* readWhole(texts: AsyncIterable<string>, file: TraceFile): AsyncGenerator<string> {
  let whole = '';
  for await (const text of texts) {
    whole += text;
    if (whole.length > maxWholeLength) {
      const message = `the file is longer than ${maxWholeLength} characters; leave its generated_texts out`;
      throw new InputError({ source: file.name, path: '', message });
    }
  }
  yield whole;
}
