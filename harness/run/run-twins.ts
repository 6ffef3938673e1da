import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import { writeWhole } from '../base/write-whole.ts';
import type { ResolvedConfig } from '../config/resolved.ts';
import { twinsFolder, twinValuesFile } from '../metrics/twins.ts';
import { explainDiskError } from './disk.ts';
import { planCells, type PlannedCell } from './matrix.ts';
import { openFolder, type ResultsFolder } from './results-folder.ts';
import { type RunClock, simulatedOn } from './run-clock.ts';
import type { TwinOutcome } from './twin.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface TwinRequest {
  readonly config: ResolvedConfig;
  readonly clock: RunClock;
  /** Results folder of the measured run. */
  readonly dir: string;
  readonly pool: WorkerPool;
  readonly concurrency: number;
  readonly signal: AbortSignal;
  onProgress(done: number, planned: number): void;
}

/** A cell, and which draw of the times of its stages it is to have. */
interface Draw extends PlannedCell {
  readonly draw: number;
}

/** Draws of each measured cell: their mean is known to less than half of what a single one, such as the measured cell, is off by. */
const drawsOfMeasured = 5;

/**
 * Simulates every stack of a measured run on the device as it was calibrated: the measured seeds, whose cells are kept whole,
 * their further draws
 * and further seeds, of which the compared figures are kept. A twin that fails is left out and told: no measured cell fails
 * for it. Returns what is to be told.
 */
export async function runTwins(request: TwinRequest): Promise<readonly string[]> {
  const { config, clock, dir, signal } = request;
  const { seeds } = config;
  const furtherSeeds = Array.from(
    { length: config.execution.seedsSimulated },
    (_, index) => Math.max(...seeds) + 1 + index,
  );
  const simulated = simulatedOn(config, clock);
  const measured = planCells(simulated);
  const all: readonly Draw[] = [
    ...Array.from({ length: drawsOfMeasured }, (_, draw) =>
      measured.map((cell) => ({ ...cell, draw })),
    ).flat(),
    ...planCells({ ...simulated, seeds: furtherSeeds }).map((cell) => ({ ...cell, draw: 0 })),
  ];
  const root = twinsFolder(dir);
  await rm(root, { recursive: true, force: true });
  const folder = await openFolder(root, 'fresh');
  const problems = new Set<string>();
  const lines: string[] = [];
  const queue = new PQueue({ concurrency: request.concurrency });
  const stop = (): void => request.pool.close();
  signal.addEventListener('abort', stop, { once: true });
  let numDone = 0;
  let fatal: unknown;
  const runOne = async (cell: Draw, index: number): Promise<void> => {
    if (signal.aborted || fatal !== undefined) return;
    try {
      const { values } = await runCell(cell, { request, simulated, folder, isKept: index < measured.length });
      lines[index] = `${JSON.stringify(values)}\n`;
    } catch (error) {
      if (signal.aborted) return;
      const explained = explainDiskError(error, dir);
      if (explained instanceof EnvironmentError) fatal = explained;
      else problems.add(`the simulation beside ${cell.id} failed: ${messageOf(error)}`);
    }
    numDone += 1;
    request.onProgress(numDone, all.length);
  };
  await queue.addAll(all.map((cell, index) => () => runOne(cell, index)));
  signal.removeEventListener('abort', stop);
  if (fatal !== undefined) throw fatal;
  if (!signal.aborted) await writeWhole(join(root, twinValuesFile), lines.join(''));
  return [...problems];
}

async function runCell(
  cell: Draw,
  run: {
    readonly request: TwinRequest;
    readonly simulated: ResolvedConfig;
    readonly folder: ResultsFolder;
    readonly isKept: boolean;
  },
): Promise<TwinOutcome> {
  const { request, simulated: config, folder, isKept } = run;
  if (!isKept) return request.pool.run('twin', { ...cell, config, dir: undefined });
  const dir = await folder.beginCell(cell.id);
  try {
    const outcome = await request.pool.run('twin', { ...cell, config, dir });
    await folder.commitCell(outcome.summary);
    return outcome;
  } catch (error) {
    await folder.abandonCell(cell.id);
    throw error;
  }
}
