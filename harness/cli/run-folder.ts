import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { claimFolder } from '../run/claim-folder.ts';
import type { RunPlan } from '../run/plan.ts';
import { executeRun, type RunResult } from '../run/run.ts';
import type { WorkerPool } from '../run/worker-pool.ts';
import type { BackendRequest } from './backend-info.ts';
import { commandLine } from './command-line.ts';
import { concurrencyOf } from './concurrency.ts';
import { gatherFacts } from './gather-facts.ts';
import { createProgress } from './progress.ts';

interface FolderRun {
  readonly dir: string;
  readonly flags: {
    readonly device: BackendRequest['device'];
    readonly concurrency: number | undefined;
    readonly quiet: boolean;
  };
  readonly pool: WorkerPool;
  /** As `currentCommit` finds it. */
  readonly commit: string | undefined;
  readonly signal: AbortSignal;
}

/** Runs what a plan lacks in a results folder: all of it where there is none yet. */
export async function runFolder(
  plan: RunPlan,
  { dir, flags, pool, commit, signal }: FolderRun,
): Promise<RunResult> {
  const { mode } = plan.config.execution;
  const intent = existsSync(join(dir, 'manifest.json')) ? 'resume' : 'fresh';
  const command = commandLine(process.argv.slice(2));
  const claim = await claimFolder({ dir, intent, isDefault: false, command });
  try {
    return await executeRun({
      facts: await gatherFacts(plan, { flags, pool, commit }),
      claim,
      concurrency: concurrencyOf(flags.concurrency, mode),
      pool,
      signal,
      progress: createProgress(process.stderr, { isQuiet: flags.quiet }),
    });
  } finally {
    await claim.release();
  }
}
