import { messageOf } from '../harness/base/errors.ts';
import type { RequestClass, SloTarget } from '../harness/domain/workload.ts';
import { countedOf } from '../harness/metrics/counted.ts';
import { readFinished } from '../harness/metrics/read-finished.ts';
import { forEachRow, MissingRowsError, readRows, readTable } from '../harness/metrics/read-results.ts';
import { clusterEventRows } from '../harness/metrics/rows/cluster-event-row.ts';
import type { ClusterEventRow } from '../harness/metrics/rows/cluster-event-row.ts';
import { decisionRows } from '../harness/metrics/rows/decision-row.ts';
import { migrationRows } from '../harness/metrics/rows/migration-row.ts';
import { requestRows } from '../harness/metrics/rows/request-row.ts';
import { speedRows } from '../harness/metrics/rows/speed-row.ts';
import type { SpeedRow } from '../harness/metrics/rows/speed-row.ts';
import { timeseriesRows } from '../harness/metrics/rows/timeseries-row.ts';
import { transferRows } from '../harness/metrics/rows/transfer-row.ts';
import { hasTarget } from '../harness/metrics/slo.ts';
import type { Metric } from '../harness/metrics/metric.ts';
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
  /** The machine's speed, beat by beat; empty where nothing was measured. */
  readonly speed: readonly SpeedRow[];
}

export type { ClusterEventRow } from '../harness/metrics/rows/cluster-event-row.ts';

interface UnfinishedCell {
  readonly status: 'failed' | 'missing';
  readonly id: string;
  readonly policy: string;
  readonly seed: number;
  readonly error: string;
}

/**
 * Reads a results folder whole; `InputError` when it is none, was written in another schema version, or holds files of finished cells
 * that are not as they were written.
 */
export async function loadResults(dir: string, definitions: MetricDefinitions): Promise<Results> {
  const { manifest, summary } = await readFinished(dir);
  const cells: Cell[] = [];
  const isMeasured = manifest.backend.mode === 'measure' && manifest.clock !== undefined;
  for (const cell of manifest.cells) cells.push(await loadCell(dir, cell, { summary, isMeasured }));
  const { classes } = countedOf(manifest.config);
  return { dir, manifest, summary, definitions, cells, classes, slo: sloOf(classes) };
}

export function doneCells(results: Results): readonly DoneCell[] {
  return results.cells.filter((cell) => cell.status === 'done');
}

/** The finished cells of one stack, one per seed. */
export function cellsOf(results: Results, stack: StackInfo): readonly DoneCell[] {
  return doneCells(results).filter((cell) => cell.policy === stack.name);
}

async function loadCell(
  dir: string,
  cell: ManifestCell,
  { summary, isMeasured }: { readonly summary: Summary; readonly isMeasured: boolean },
): Promise<Cell> {
  const { id, policy, seed, status } = cell;
  if (status !== 'done') return { id, policy, seed, status, error: cell.error ?? 'not run' };
  const figures = summary.cells.find((candidate) => candidate.id === id);
  if (figures === undefined) {
    return { id, policy, seed, status: 'missing', error: 'summary.json has no figures for this cell' };
  }
  try {
    const [requests, decisions, events, migrations, timeseries, traffic, speed] = await Promise.all([
      readRows(dir, id, requestRows),
      readRows(dir, id, decisionRows),
      readRows(dir, id, clusterEventRows),
      readRows(dir, id, migrationRows),
      readTable(dir, id, timeseriesRows),
      readTraffic(dir, id),
      isMeasured ? readRows(dir, id, speedRows) : [],
    ]);
    const rows = { requests, timeseries, decisions, events, migrations, traffic, speed };
    return { id, policy, seed, status: 'done', summary: figures, ...rows };
  } catch (error) {
    if (!(error instanceof MissingRowsError)) throw error;
    return { id, policy, seed, status: 'missing', error: `its files are gone: ${messageOf(error.cause)}` };
  }
}

/** A run of pipelines has a row for every step's activations: they are added up as they are read, and none is kept. */
async function readTraffic(dir: string, cellId: string): Promise<Traffic> {
  const tally = new TrafficTally();
  await forEachRow(dir, cellId, transferRows, (row) => tally.add(row));
  return tally.finish();
}

function sloOf(classes: readonly RequestClass[]): ReadonlyMap<string, SloTarget> {
  return new Map(classes.filter(({ slo }) => hasTarget(slo)).map(({ name, slo }) => [name, slo]));
}
