import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CsvError, parse as parseCsv } from 'csv-parse/sync';
import { z } from 'zod';
import { InputError, messageOf } from '../harness/base/errors.ts';
import type { InputIssue } from '../harness/base/errors.ts';
import type { RequestClass, SloTarget } from '../harness/domain/workload.ts';
import {
  clusterEventRowSchema,
  decisionRowSchema,
  manifestSchema,
  migrationRowSchema,
  requestRowSchema,
  schemaVersion,
  summarySchema,
  timeseriesColumns,
  transferRowSchema,
} from '../harness/metrics/results.ts';
import { hasTarget } from '../harness/metrics/slo.ts';
import type { Metric } from '../harness/metrics/metrics.ts';
import type {
  CellSummary,
  DecisionRow,
  Manifest,
  ManifestCell,
  MigrationRow,
  RequestRow,
  StackInfo,
  Summary,
  TimeseriesRow,
} from '../harness/metrics/results.ts';
import { TrafficTally } from './traffic.ts';
import type { Traffic } from './traffic.ts';

/** What each key of `summary.json` means; the reader of results passes the registry of `harness/metrics`. */
export type MetricDefinitions = Readonly<Record<string, Metric>>;

/** A results folder, read and checked. */
export interface Results {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly summary: Summary;
  readonly definitions: MetricDefinitions;
  /** In the manifest's order; a cell that did not finish stays in the list and says why. */
  readonly cells: readonly Cell[];
  /** As configured. */
  readonly classes: readonly RequestClass[];
  /** Targets by class name; a class without targets is not in it. */
  readonly slo: ReadonlyMap<string, SloTarget>;
}

type Cell = DoneCell | UnfinishedCell;

export interface DoneCell {
  readonly status: 'done';
  readonly id: string;
  readonly policy: string;
  readonly seed: number;
  readonly summary: CellSummary;
  readonly requests: readonly RequestRow[];
  readonly timeseries: readonly TimeseriesRow[];
  readonly decisions: readonly DecisionRow[];
  readonly events: readonly ClusterEventRow[];
  readonly migrations: readonly MigrationRow[];
  readonly traffic: Traffic;
}

export type ClusterEventRow = z.infer<typeof clusterEventRowSchema>;

interface UnfinishedCell {
  readonly status: 'failed' | 'missing';
  readonly id: string;
  readonly policy: string;
  readonly seed: number;
  readonly error: string;
}

/** Reads a results folder whole; `InputError` when it is none, or was written in another schema version. */
export async function loadResults(dir: string, definitions: MetricDefinitions): Promise<Results> {
  const manifest = await readDocument(dir, 'manifest.json', manifestSchema);
  const summary = await readDocument(dir, 'summary.json', summarySchema);
  const cells: Cell[] = [];
  for (const cell of manifest.cells) cells.push(await loadCell(dir, cell, summary));
  const classes = classesOf(manifest.config);
  return { dir, manifest, summary, definitions, cells, classes, slo: sloOf(classes) };
}

export function doneCells(results: Results): readonly DoneCell[] {
  return results.cells.filter((cell) => cell.status === 'done');
}

/** The finished cells of one stack, one per seed. */
export function cellsOf(results: Results, stack: StackInfo): readonly DoneCell[] {
  return doneCells(results).filter((cell) => cell.policy === stack.name);
}

async function loadCell(dir: string, cell: ManifestCell, summary: Summary): Promise<Cell> {
  const { id, policy, seed, status } = cell;
  if (status !== 'done') return { id, policy, seed, status, error: cell.error ?? 'not run' };
  const figures = summary.cells.find((candidate) => candidate.id === id);
  if (figures === undefined) {
    return { id, policy, seed, status: 'missing', error: 'summary.json has no figures for this cell' };
  }
  const folder = join(dir, 'cells', id);
  try {
    const [requests, decisions, events, migrations, timeseries, traffic] = await Promise.all([
      readRows(join(folder, 'requests.jsonl'), requestRowSchema),
      readRows(join(folder, 'decisions.jsonl'), decisionRowSchema),
      readRows(join(folder, 'events.jsonl'), clusterEventRowSchema),
      readRows(join(folder, 'migrations.jsonl'), migrationRowSchema),
      readTimeseries(join(folder, 'timeseries.csv')),
      readTraffic(join(folder, 'transfers.jsonl')),
    ]);
    const rows = { requests, timeseries, decisions, events, migrations, traffic };
    return { id, policy, seed, status: 'done', summary: figures, ...rows };
  } catch (error) {
    if (!isMissingFile(error)) throw error;
    return { id, policy, seed, status: 'missing', error: `its files are gone: ${messageOf(error)}` };
  }
}

async function readDocument<T>(dir: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const path = join(dir, name);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!isMissingFile(error)) throw error;
    const message = `is not a results folder: it has no ${name}`;
    throw new InputError(
      { source: dir, path: '', message, hint: 'name the folder that a finished run wrote' },
      { cause: error },
    );
  }
  const value = parseJson(text, path);
  checkVersion(value, path);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new InputError(parsed.error.issues.map((issue) => issueOf(issue, path)));
  return parsed.data;
}

function checkVersion(value: unknown, source: string): void {
  const version = z.object({ schema_version: z.unknown() }).safeParse(value).data?.schema_version;
  if (version === schemaVersion) return;
  const message = `expected ${schemaVersion}, got ${JSON.stringify(version) ?? 'nothing'}`;
  throw new InputError({ source, path: 'schema_version', message, hint: otherVersionHint });
}

const otherVersionHint =
  'written by another version of servebench: run the report with that version, or run again';

/** Rows of a JSON Lines file; an empty file has none. */
async function readRows<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
  const rows: T[] = [];
  await forEachRow(path, schema, (row) => rows.push(row));
  return rows;
}

/** A run of pipelines has a row for every step's activations: they are added up as they are read, and none is kept. */
async function readTraffic(path: string): Promise<Traffic> {
  const tally = new TrafficTally();
  await forEachRow(path, transferRowSchema, (row) => tally.add(row));
  return tally.finish();
}

async function forEachRow<T>(path: string, schema: z.ZodType<T>, receive: (row: T) => void): Promise<void> {
  const file = await open(path);
  let lineNumber = 0;
  for await (const line of file.readLines()) {
    lineNumber += 1;
    if (line === '') continue;
    const parsed = schema.safeParse(parseJson(line, path, lineNumber));
    if (!parsed.success) {
      throw new InputError(parsed.error.issues.map((issue) => issueOf(issue, path, lineNumber)));
    }
    receive(parsed.data);
  }
}

const textColumns: readonly string[] = ['role', 'state'];

async function readTimeseries(path: string): Promise<TimeseriesRow[]> {
  const records = parseRecords(await readFile(path, 'utf8'), path);
  checkColumns(records[0], path);
  return records.map((record, index) => timeseriesRowOf(record, path, index + 2));
}

function checkColumns(record: Readonly<Record<string, string>> | undefined, source: string): void {
  if (record === undefined) return;
  const missing = timeseriesColumns.filter((column) => !(column in record));
  if (missing.length === 0) return;
  const message = `has no column ${missing.join(', ')}`;
  throw new InputError({ source, path: '', line: 1, message, hint: otherVersionHint });
}

function parseRecords(text: string, source: string): Record<string, string>[] {
  try {
    return parseCsv<Record<string, string>>(text, { columns: true, skip_empty_lines: true });
  } catch (error) {
    const line =
      error instanceof CsvError && typeof error['lines'] === 'number' ? { line: error['lines'] } : {};
    throw new InputError(
      { source, path: '', message: `is not CSV: ${messageOf(error)}`, ...line },
      { cause: error },
    );
  }
}

function timeseriesRowOf(
  record: Readonly<Record<string, string>>,
  source: string,
  line: number,
): TimeseriesRow {
  const row: Record<string, string | number> = {};
  for (const column of timeseriesColumns) {
    const text = record[column] ?? '';
    const value = textColumns.includes(column) ? text : Number(text);
    if (text === '' || Number.isNaN(value)) {
      const message = `expected ${textColumns.includes(column) ? 'a text' : 'a number'}, got "${text}"`;
      throw new InputError({ source, path: column, line, message });
    }
    row[column] = value;
  }
  return row as unknown as TimeseriesRow;
}

function parseJson(text: string, source: string, line?: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `is not JSON: ${messageOf(error)}`;
    throw new InputError(
      { source, path: '', message, ...(line === undefined ? {} : { line }) },
      { cause: error },
    );
  }
}

function issueOf(issue: { path: PropertyKey[]; message: string }, source: string, line?: number): InputIssue {
  const path = issue.path.map(String).join('.');
  return { source, path, message: issue.message, ...(line === undefined ? {} : { line }) };
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

const classesSchema = z.object({
  classes: z.array(
    z.object({
      name: z.string(),
      priority: z.number(),
      slo: z.object({ ttftUs: z.number().optional(), tpotUs: z.number().optional() }),
    }),
  ),
});

/** The classes of requests in a resolved configuration; none where it has none. */
function classesOf(config: unknown): RequestClass[] {
  const classes = classesSchema.safeParse(config).data?.classes ?? [];
  return classes.map(({ name, priority, slo: { ttftUs, tpotUs } }) => {
    const slo = { ...(ttftUs === undefined ? {} : { ttftUs }), ...(tpotUs === undefined ? {} : { tpotUs }) };
    return { name, priority, slo };
  });
}

function sloOf(classes: readonly RequestClass[]): ReadonlyMap<string, SloTarget> {
  return new Map(classes.filter(({ slo }) => hasTarget(slo)).map(({ name, slo }) => [name, slo]));
}
