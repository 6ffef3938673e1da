import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError, messageOf } from '../base/errors.ts';
import { checksumOfText } from './checksums.ts';
import {
  type CellSummary,
  cellSummarySchema,
  type Manifest,
  manifestSchema,
  schemaVersion,
  type Summary,
  summarySchema,
} from './results.ts';
import { type CsvKind, parseCsvRows } from './rows/read-csv.ts';

/*
 * The one reader of results folders. What is not as `results.ts` and `rows/` say is an `InputError` that names the file,
 * the line in it and the key.
 */

/** Returns the path of a cell's own folder. */
export function cellFolder(dir: string, cellId: string): string {
  return join(dir, 'cells', cellId);
}

/** Reads a JSON Lines file; `undefined` where there is no such file. */
export async function readLines<Row>(source: string, schema: z.ZodType<Row>): Promise<Row[] | undefined> {
  const lines = (await textOf(source))?.split('\n');
  return lines?.flatMap((text, index) => {
    const place = { source, line: index + 1 };
    return text === '' ? [] : [checked(parseJson(text, place), schema, place)];
  });
}

/** Reads the rows of a JSON Lines file. */
interface LineKind<Row> {
  readonly file: string;
  readonly schema: z.ZodType<Row>;
}

/** Reads the manifest. Throws an `InputError` also where there is none, because then this is no results folder. */
export function readManifest(dir: string): Promise<Manifest> {
  return readDocument(dir, { name: 'manifest.json', writer: 'a run', schema: manifestSchema });
}

/**
 * Reads the summary of the run that has written the manifest. Throws an `InputError` also where there is none, or one of an earlier state,
 * because then the run has not ended.
 */
export async function readSummary(
  dir: string,
  { summary_sha256 }: Pick<Manifest, 'summary_sha256'>,
): Promise<Summary> {
  const name = 'summary.json';
  const summary = await readDocument(dir, { name, writer: 'a finished run', schema: summarySchema });
  const source = join(dir, name);
  if (summary_sha256 === checksumOfText(await readFile(source, 'utf8'))) return summary;
  const message =
    summary_sha256 === undefined
      ? 'is of an earlier state of this folder: the run that changed it has not ended'
      : 'is damaged: it is not as it was written';
  throw new InputError({ source, path: '', message, hint: '--resume writes it again' });
}

/** Reads the summary of a finished cell; `undefined` where there is none. */
export async function readCellSummary(dir: string, cellId: string): Promise<CellSummary | undefined> {
  const source = join(cellFolder(dir, cellId), 'summary.json');
  const text = await textOf(source);
  if (text === undefined) return undefined;
  const place = { source, hint: damagedHint };
  return checked(parseJson(text, place), cellSummarySchema, place);
}

/** Reads all rows of a cell. An empty file has none; rejects with `MissingRowsError` where there is no such file. */
export async function readRows<Row>(dir: string, cellId: string, kind: LineKind<Row>): Promise<Row[]> {
  const rows: Row[] = [];
  await forEachRow(dir, cellId, kind, (row) => rows.push(row));
  return rows;
}

/** Does the same row by row, for callers that need not keep them. */
export async function forEachRow<Row>(
  dir: string,
  cellId: string,
  kind: LineKind<Row>,
  receive: (row: Row) => void,
): Promise<void> {
  const source = join(cellFolder(dir, cellId), kind.file);
  const file = await opened(source);
  let line = 0;
  try {
    for await (const text of file.readLines()) {
      line += 1;
      const place = { source, line };
      if (text !== '') receive(checked(parseJson(text, place), kind.schema, place));
    }
  } finally {
    await file.close();
  }
}

/** Reads all rows of a CSV file. Rejects with `MissingRowsError` where there is no such file. */
export async function readTable<Row>(dir: string, cellId: string, kind: CsvKind<Row>): Promise<Row[]> {
  const source = join(cellFolder(dir, cellId), kind.file);
  const file = await opened(source);
  try {
    return parseCsvRows(await file.readFile('utf8'), kind, { source, hint: otherVersionHint });
  } finally {
    await file.close();
  }
}

/** Thrown where a file of rows is missing that every finished cell has. */
export class MissingRowsError extends InputError {
  constructor(source: string, cause: unknown) {
    super({ source, path: '', message: `cannot be read: ${messageOf(cause)}` }, { cause });
  }
}

interface Document<T> {
  readonly name: string;
  /** What writes the file, in words for a message. */
  readonly writer: string;
  readonly schema: z.ZodType<T>;
}

async function readDocument<T>(dir: string, { name, writer, schema }: Document<T>): Promise<T> {
  const source = join(dir, name);
  const text = await textOf(source);
  if (text === undefined) {
    const message = `is not a results folder: it has no ${name}`;
    throw new InputError({
      source: dir,
      path: '',
      message,
      hint: `give the folder that ${writer} has written`,
    });
  }
  const place = { source, hint: damagedHint };
  const value = parseJson(text, place);
  requireOwnVersion(value, source);
  return checked(value, schema, place);
}

const damagedHint = 'the file is damaged: run again in another --output-dir';
const otherVersionHint =
  'written by another version of servebench: use that version, or run again in another --output-dir';

function requireOwnVersion(value: unknown, source: string): void {
  const version = z.object({ schema_version: z.unknown() }).safeParse(value).data?.schema_version;
  if (version === schemaVersion) return;
  const message = `expected ${schemaVersion}, got ${JSON.stringify(version) ?? 'nothing'}`;
  throw new InputError({ source, path: 'schema_version', message, hint: otherVersionHint });
}

/** Where a value stands, and what a user can do about a bad one. */
interface Place {
  readonly source: string;
  readonly line?: number;
  readonly hint?: string;
}

function parseJson(text: string, place: Place): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(
      { ...place, path: '', message: `is not JSON: ${messageOf(error)}` },
      { cause: error },
    );
  }
}

function checked<T>(value: unknown, schema: z.ZodType<T>, place: Place): T {
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return data;
  throw new InputError(
    error.issues.map(({ path, message }) => ({ ...place, path: path.map(String).join('.'), message })),
  );
}

/** Reads a file; `undefined` where there is no such file. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    throw isMissing(error) ? new MissingRowsError(path, error) : error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
