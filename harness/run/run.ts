import { availableParallelism } from 'node:os';
import { fidelityOf } from '../metrics/fidelity.ts';
import { compareTwinnedCells } from '../metrics/compare-twinned.ts';
import { twinsFolder } from '../metrics/twins.ts';
import { runTwins } from './run-twins.ts';
import { schemaVersion } from '../metrics/results.ts';
import type { CellSummary, Manifest, ManifestCell, Summary } from '../metrics/results.ts';
import { compareCells } from '../metrics/compare.ts';
import type { ResolvedConfig } from '../config/index.ts';
import type { CellOutcome, CellProgress } from './cell-job.ts';
import { createManifest } from './manifest.ts';
import type { ManifestFacts } from './manifest.ts';
import { planCells, runMatrix } from './matrix.ts';
import type { PlannedCell } from './matrix.ts';
import { inspectFolder, openFolder } from './results-folder.ts';
import type { FolderIntent, ResultsFolder } from './results-folder.ts';
import { finishedCells, requireSameRun } from './resume.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface RunRequest {
  readonly facts: ManifestFacts;
  readonly dir: string;
  readonly intent: FolderIntent;
  readonly concurrency: number;
  readonly pool: WorkerPool;
  readonly signal: AbortSignal;
  readonly progress: RunProgress;
}

/** What a run tells of its progress, for a person to watch. */
export interface RunProgress {
  begin(cells: readonly PlannedCell[], numFinished: number): void;
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
  const { facts, dir, intent, pool, signal, progress } = request;
  const { config } = facts.plan;
  const cells = planCells(config);
  const earlier = await inspectFolder(dir, intent);
  const manifest = createManifest(facts, cells);
  if (earlier !== undefined) requireSameRun(earlier, manifest);
  // A resumed run keeps saying how and when it was asked for at first, and keeps its clock.
  const origin = earlier && {
    command: earlier.command,
    created_at: earlier.created_at,
    ...(earlier.clock !== undefined && { clock: earlier.clock }),
  };
  const ledger = new CellLedger({ ...manifest, ...origin });
  const folder = await openFolder(dir, intent);
  pool.logTo(folder.logFile);
  ledger.adopt(await finishedCells(dir, cells), earlier?.cells ?? []);
  await folder.writeManifest(ledger.manifest);
  progress.begin(cells, ledger.summaries.size);
  try {
    const observer = { ...forward(progress), ...record(ledger, { folder, progress, facts }) };
    const missing = cells.filter(({ id }) => !ledger.summaries.has(id));
    const { clock } = ledger.manifest;
    await runMatrix(missing, {
      config,
      clock,
      folder,
      pool,
      concurrency: request.concurrency,
      signal,
      observer,
    });
  } finally {
    progress.end();
  }
  if (!signal.aborted) await simulateBeside(request, folder, ledger);
  if (signal.aborted) return { manifest: ledger.manifest, summary: undefined };
  return { manifest: ledger.manifest, summary: await summarizeRun(folder, ledger, config) };
}

/** Simulates what has been measured. Earlier twins of a resumed run are made again: that takes seconds. */
async function simulateBeside(
  { facts, dir, pool, signal, progress }: RunRequest,
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
  const twins = manifest.twins && [...(await finishedCells(twinsFolder(dir), manifest.cells)).values()];
  const summary: Summary = {
    schema_version: schemaVersion,
    name: manifest.name,
    cells,
    comparisons:
      twins === undefined ? await compareCells(compared) : await compareTwinnedCells({ ...compared, twins }),
    ...(twins !== undefined && { fidelity: fidelityOf(cells, twins) }),
  };
  await folder.writeSummary(summary);
  return summary;
}

/** No verdict rests on a cell that other work on the machine has disturbed. */
function isDisturbed({ cells }: Manifest, cellId: string): boolean {
  return cells.some(({ id, disturbed }) => id === cellId && disturbed !== undefined);
}

/** The manifest as cells end, and the summaries of those that finished. */
class CellLedger {
  readonly summaries = new Map<string, CellSummary>();
  #manifest: Manifest;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Takes over cells that an earlier run finished, with its wall-clock figures where it had still written them. */
  adopt(finished: ReadonlyMap<string, CellSummary>, earlier: readonly ManifestCell[]): void {
    for (const [id, summary] of finished) {
      this.summaries.set(id, summary);
      this.#update(id, {
        ...earlier.find((cell) => cell.id === id && cell.status === 'done'),
        status: 'done',
      });
    }
  }

  done(id: string, { summary, wall, warnings, disturbance }: CellOutcome): void {
    this.summaries.set(id, summary);
    this.#update(id, {
      status: 'done',
      ...wall,
      ...(warnings.length > 0 && { warnings: [...warnings] }),
      ...(disturbance !== undefined && { disturbed: disturbance }),
    });
  }

  twinned(twins: Manifest['twins']): void {
    this.#manifest = { ...this.#manifest, twins };
  }

  failed(id: string, error: string): void {
    this.#update(id, { status: 'failed', error });
  }

  #update(id: string, change: Partial<ManifestCell>): void {
    const cells = this.#manifest.cells.map((cell) => (cell.id === id ? { ...cell, ...change } : cell));
    this.#manifest = { ...this.#manifest, cells };
  }
}
