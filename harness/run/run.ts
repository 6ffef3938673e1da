import { availableParallelism } from 'node:os';
import { checksumOfText } from '../metrics/checksums.ts';
import { fidelityOf } from '../metrics/fidelity.ts';
import { compareTwinnedCells } from '../metrics/compare-twinned.ts';
import { twinsFolder } from '../metrics/twins.ts';
import { runTwins } from './run-twins.ts';
import { schemaVersion } from '../metrics/results.ts';
import type { Manifest, Summary } from '../metrics/results.ts';
import { compareCells } from '../metrics/compare-cells.ts';
import type { ResolvedConfig } from '../config/index.ts';
import type { CellOutcome, CellProgress } from './cell-job.ts';
import { CellLedger } from './cell-ledger.ts';
import type { FolderClaim } from './claim-folder.ts';
import { clearFolder, requireOwnCells } from './clear-folder.ts';
import { jsonText } from './disk.ts';
import { createManifest } from './manifest.ts';
import type { ManifestFacts } from './manifest.ts';
import { planCells, runMatrix } from './matrix.ts';
import type { CellPool, PlannedCell } from './matrix.ts';
import { openFolder } from './results-folder.ts';
import type { ResultsFolder } from './results-folder.ts';
import { examineCells, requireSameRun } from './resume.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface RunRequest {
  readonly facts: ManifestFacts;
  readonly claim: FolderClaim;
  readonly concurrency: number;
  readonly pool: WorkerPool;
  /** Runs the cells in place of the pool. */
  readonly cellPool?: CellPool | undefined;
  /** Whether what plug-ins print goes to a file for each cell. */
  readonly logs?: boolean | undefined;
  readonly signal: AbortSignal;
  readonly progress: RunProgress;
}

/** What a run tells of its progress, for a person to watch. */
export interface RunProgress {
  begin(cells: readonly PlannedCell[], numFinished: number): void;
  /** A cell of an earlier run is not as it was written, and runs again. */
  cellDamaged(cell: PlannedCell, damage: string): void;
  cellStarted(cell: PlannedCell): void;
  cellProgress(cell: PlannedCell, progress: CellProgress): void;
  cellDone(cell: PlannedCell, outcome: CellOutcome): void;
  cellFailed(cell: PlannedCell, error: string): void;
  /** Tells how many of the simulations beside measured cells have ended. */
  twinsDone(done: number, planned: number): void;
  /** Tells that nothing more comes; also called when the run ends early. */
  end(): void;
}

export interface RunResult {
  readonly manifest: Manifest;
  /** `undefined` when the run was stopped before its end. */
  readonly summary: Summary | undefined;
}

/**
 * Runs what is missing of a matrix and writes the results folder: the manifest before the first cell and after every
 * one, each cell's folder when it is complete, the summary at the end.
 */
export async function executeRun(request: RunRequest): Promise<RunResult> {
  const { facts, signal, progress, concurrency, logs } = request;
  const pool = request.cellPool ?? request.pool;
  const { config } = facts.plan;
  const cells = planCells(config);
  const { ledger, folder } = await beginRun(request, cells);
  try {
    const observer = { ...forward(progress), ...record(ledger, { folder, progress, facts }) };
    const missing = cells.filter(({ id }) => !ledger.summaries.has(id));
    const { clock } = ledger.manifest;
    await runMatrix(missing, { config, clock, folder, pool, concurrency, logs, signal, observer });
  } finally {
    progress.end();
  }
  if (!signal.aborted) await simulateBeside(request, folder, ledger);
  if (signal.aborted) return { manifest: ledger.manifest, summary: undefined };
  return { manifest: ledger.manifest, summary: await summarizeRun(folder, ledger, config) };
}

/** Takes over what an earlier run has finished, or removes it, and writes the first manifest. Nothing is changed before all is known to fit. */
async function beginRun(
  { facts, claim, pool, progress }: RunRequest,
  cells: readonly PlannedCell[],
): Promise<{ readonly ledger: CellLedger; readonly folder: ResultsFolder }> {
  const { dir, earlier } = claim;
  const manifest = createManifest(facts, cells);
  if (earlier !== undefined) requireSameRun(earlier, manifest);
  // A resumed run keeps saying how and when it was asked for at first, and keeps its clock.
  const origin = earlier && {
    command: earlier.command,
    created_at: earlier.created_at,
    ...(earlier.clock !== undefined && { clock: earlier.clock }),
  };
  const ledger = new CellLedger({ ...manifest, ...origin });
  const { finished, damaged } = await examineCells(dir, earlier === undefined ? [] : cells);
  await requireOwnCells(dir, damaged.keys());
  if (claim.intent === 'overwrite') await clearFolder(dir);
  const folder = await openFolder(dir, () => claim.requireHeld());
  pool.logTo(folder.logFile);
  ledger.adopt(finished, earlier?.cells ?? []);
  await folder.writeManifest(ledger.manifest);
  progress.begin(cells, ledger.summaries.size);
  for (const cell of cells) {
    const damage = damaged.get(cell.id);
    if (damage !== undefined) progress.cellDamaged(cell, damage);
  }
  return { ledger, folder };
}

/** Simulates what has been measured. Earlier twins of a resumed run are made again: that takes seconds. */
async function simulateBeside(
  { facts, claim: { dir }, pool, signal, progress }: RunRequest,
  folder: ResultsFolder,
  ledger: CellLedger,
): Promise<void> {
  const { config } = facts.plan;
  const { clock } = ledger.manifest;
  const { seedsSimulated } = config.execution;
  if (clock === undefined || seedsSimulated === 0) return;
  const problems = await runTwins({
    config,
    clock,
    dir,
    pool,
    concurrency: availableParallelism(),
    signal,
    onProgress: (done, planned) => progress.twinsDone(done, planned),
  });
  progress.end();
  if (signal.aborted) return;
  ledger.twinned({ further_seeds: seedsSimulated, problems: [...problems] });
  await folder.writeManifest(ledger.manifest);
}

function forward(progress: RunProgress): Pick<RunProgress, 'cellStarted' | 'cellProgress'> {
  return {
    cellStarted: (cell) => progress.cellStarted(cell),
    cellProgress: (cell, cellProgress) => progress.cellProgress(cell, cellProgress),
  };
}

function record(
  ledger: CellLedger,
  { folder, progress, facts }: Pick<RunRequest, 'progress' | 'facts'> & { readonly folder: ResultsFolder },
) {
  return {
    async cellDone(cell: PlannedCell, outcome: CellOutcome): Promise<void> {
      const disturbance = outcome.disturbance ?? facts.disturbances?.get(cell.id);
      ledger.done(cell.id, { ...outcome, disturbance });
      progress.cellDone(cell, outcome);
      await folder.writeManifest(ledger.manifest);
    },
    async cellFailed(cell: PlannedCell, error: string): Promise<void> {
      ledger.failed(cell.id, error);
      progress.cellFailed(cell, error);
      await folder.writeManifest(ledger.manifest);
    },
  };
}

async function summarizeRun(
  folder: ResultsFolder,
  ledger: CellLedger,
  config: ResolvedConfig,
): Promise<Summary> {
  const { dir } = folder;
  const { manifest, summaries } = ledger;
  const cells = manifest.cells.flatMap(({ id }) => summaries.get(id) ?? []);
  const compared = {
    dir,
    summaries: cells.filter(({ id }) => !isDisturbed(manifest, id)),
    classes: config.classes,
    window: config.steadyWindow,
    baseline: config.baseline,
  };
  const twins = manifest.twins && [
    ...(await examineCells(twinsFolder(dir), manifest.cells)).finished.values(),
  ];
  const summary: Summary = {
    schema_version: schemaVersion,
    name: manifest.name,
    cells,
    ...(twins === undefined
      ? await compareCells(compared)
      : await compareTwinnedCells({ ...compared, twins })),
    ...(twins !== undefined && { fidelity: fidelityOf(cells, twins) }),
  };
  const text = jsonText(summary);
  // Before the summary: one of an earlier state does not match.
  ledger.summarized(checksumOfText(text));
  await folder.writeManifest(ledger.manifest);
  await folder.writeSummary(text);
  return summary;
}

/** No verdict rests on a cell that other work on the machine has disturbed. */
function isDisturbed({ cells }: Manifest, cellId: string): boolean {
  return cells.some(({ id, disturbed }) => id === cellId && disturbed !== undefined);
}
