import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { claimFolder } from '../run/claim-folder.ts';
import type { RunPlan } from '../run/plan.ts';
import { executeRun, type RunResult } from '../run/run.ts';
import type { WorkerPool } from '../run/worker-pool.ts';
import { prepareBackend } from './backend-info.ts';
import { commandLine } from './command-line.ts';
import { currentCommit } from './commit.ts';
import { concurrencyOf } from './concurrency.ts';
import { createProgress } from './progress.ts';
import { calibrateFor } from './run-calibration.ts';

interface FolderRun {
  readonly dir: string;
  readonly flags: {
    readonly device: 'auto' | 'cpu' | 'cuda';
    readonly concurrency: number | undefined;
    readonly quiet: boolean;
  };
  readonly pool: WorkerPool;
  readonly signal: AbortSignal;
}

/** Runs what a plan lacks in a results folder: all of it where there is none yet. */
export async function runFolder(plan: RunPlan, { dir, flags, pool, signal }: FolderRun): Promise<RunResult> {
  const { mode } = plan.config.execution;
  const intent = existsSync(join(dir, 'manifest.json')) ? 'resume' : 'fresh';
  const command = commandLine(process.argv.slice(2));
  const claim = await claimFolder({ dir, intent, isDefault: false, command });
  try {
    const backend = await prepareBackend({ mode, device: flags.device, isQuiet: flags.quiet });
    const clock =
      mode === 'measure'
        ? { clock: await calibrateFor(plan, pool, { isFresh: false, isQuiet: flags.quiet }) }
        : {};
    return await executeRun({
      facts: { plan, ...clock, backend, commit: await currentCommit(), command },
      claim,
      concurrency: concurrencyOf(flags.concurrency, mode),
      pool,
      signal,
      progress: createProgress(process.stderr, flags.quiet),
    });
  } finally {
    await claim.release();
  }
}
