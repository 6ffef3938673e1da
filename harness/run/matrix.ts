import PQueue from 'p-queue';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import type { ResolvedConfig } from '../config/resolved.ts';
import type { CellJob, CellOutcome, CellProgress } from './cell-job.ts';
import { explainDiskError } from './disk.ts';
import type { ResultsFolder } from './results-folder.ts';
import type { RunClock } from './run-clock.ts';

export interface PlannedCell {
  readonly id: string;
  readonly stackName: string;
  readonly seed: number;
}

/** What a matrix tells while it runs. */
export interface MatrixObserver {
  cellStarted(cell: PlannedCell): void;
  cellProgress(cell: PlannedCell, progress: CellProgress): void;
  /** The cell has run, and its folder is complete. */
  cellDone(cell: PlannedCell, outcome: CellOutcome): Promise<void>;
  /** The cell has failed, and has no folder. */
  cellFailed(cell: PlannedCell, error: string): Promise<void>;
}

/** Where cells run: worker processes, or this very process. */
export interface CellPool {
  run(kind: 'cell', job: CellJob, onProgress: (progress: CellProgress) => void): Promise<CellOutcome>;
  close(): void;
}

export interface MatrixOptions {
  readonly config: ResolvedConfig;
  /** Of a measured run. */
  readonly clock?: RunClock | undefined;
  readonly folder: ResultsFolder;
  readonly pool: CellPool;
  readonly concurrency: number;
  /** Whether what plug-ins print goes to a file for each cell. */
  readonly logs?: boolean | undefined;
  /** Stops the matrix: cells under way are given up, finished ones are kept. */
  readonly signal: AbortSignal;
  readonly observer: MatrixObserver;
}

/** Returns the cells of a run: every stack on every seed. Seeds vary slowest, so that a run that was cut short still compares all stacks. */
export function planCells(config: Pick<ResolvedConfig, 'stacks' | 'seeds'>): readonly PlannedCell[] {
  return config.seeds.flatMap((seed) =>
    config.stacks.map(({ name }) => ({ id: `${name}-s${seed}`, stackName: name, seed })),
  );
}

/**
 * Runs the cells in order, as many at once as the options say. A measured cell that was disturbed runs once more. A cell that fails is told to the observer and the others go on. Rejects,
 * with all workers stopped, only where going on is of no use: when the machine itself is in the way (full disk,
 * TensorFlow that does not load).
 */
export async function runMatrix(cells: readonly PlannedCell[], options: MatrixOptions): Promise<void> {
  const { signal, pool, concurrency } = options;
  const queue = new PQueue({ concurrency });
  let fatal: unknown;
  const stop = () => {
    queue.clear();
    pool.close();
  };
  signal.addEventListener('abort', stop, { once: true });
  for (const cell of cells) {
    void queue.add(async () => {
      try {
        await runOne(cell, options);
      } catch (error) {
        fatal ??= error;
        stop();
      }
    });
  }
  await queue.onIdle();
  signal.removeEventListener('abort', stop);
  if (fatal !== undefined) throw fatal;
}

async function runOne(cell: PlannedCell, options: MatrixOptions): Promise<void> {
  const { folder, signal, observer } = options;
  observer.cellStarted(cell);
  const first = await attempt(cell, options);
  // What has disturbed a measurement may have passed.
  const isDisturbed = 'outcome' in first && first.outcome.disturbance !== undefined;
  const result = isDisturbed && !signal.aborted ? await attempt(cell, options) : first;
  if ('outcome' in result) {
    await folder.commitCell(result.outcome.summary);
    await observer.cellDone(cell, result.outcome);
    return;
  }
  await folder.abandonCell(cell.id);
  if (signal.aborted) return;
  const error = explainDiskError(result.error, folder.dir);
  if (error instanceof EnvironmentError) throw error;
  await observer.cellFailed(cell, messageOf(error));
}

async function attempt(
  cell: PlannedCell,
  { config, clock, folder, pool, observer, signal, logs }: MatrixOptions,
): Promise<{ readonly outcome: CellOutcome } | { readonly error: unknown }> {
  try {
    const dir = await folder.beginCell(cell.id);
    // A worker that is started now would not be stopped any more.
    signal.throwIfAborted();
    const onProgress = (progress: CellProgress) => observer.cellProgress(cell, progress);
    const logFile = logs === true ? await folder.beginLog(cell.id) : undefined;
    return { outcome: await pool.run('cell', { ...cell, config, clock, dir, logFile }, onProgress) };
  } catch (error) {
    return { error };
  }
}
