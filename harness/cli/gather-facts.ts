import { readManifest } from '../metrics/read-results.ts';
import type { ManifestFacts } from '../run/manifest.ts';
import type { RunPlan } from '../run/plan.ts';
import type { WorkerPool } from '../run/worker-pool.ts';
import { prepareBackend, type BackendRequest } from './backend-info.ts';
import { commandLine } from './command-line.ts';
import { calibrateFor } from './run-calibration.ts';

interface GatherOptions {
  readonly flags: { readonly device: BackendRequest['device']; readonly quiet: boolean };
  readonly pool: WorkerPool;
  /** As `currentCommit` finds it. */
  readonly commit: string | undefined;
}

/** Prepares what executes the steps of a plan, and collects what the manifest says about how it is run. */
export async function gatherFacts(
  plan: RunPlan,
  { flags, pool, commit }: GatherOptions,
): Promise<ManifestFacts> {
  const { mode } = plan.config.execution;
  const backend = await prepareBackend({ mode, device: flags.device, isQuiet: flags.quiet });
  const timing = await timingOf(plan, flags, pool);
  return { plan, ...timing, backend, commit, command: commandLine(process.argv.slice(2)) };
}

/** In whose time the run is: calibrated for a measurement, as it was recorded for a replay. */
async function timingOf(
  plan: RunPlan,
  { quiet }: GatherOptions['flags'],
  pool: WorkerPool,
): Promise<Pick<ManifestFacts, 'clock' | 'disturbances'>> {
  const { mode, replayDir } = plan.config.execution;
  if (mode === 'measure') {
    return { clock: await calibrateFor(plan, pool, { isFresh: false, isQuiet: quiet }) };
  }
  if (replayDir === undefined) return {};
  const { clock, cells } = await readManifest(replayDir);
  const disturbances = new Map(
    cells.flatMap(({ id, disturbed }) => (disturbed === undefined ? [] : [[id, disturbed] as const])),
  );
  return { clock, disturbances };
}
