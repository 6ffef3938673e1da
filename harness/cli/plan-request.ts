import { InputError, PolicyError } from '../base/errors.ts';
import type { ExecutionSpec } from '../config/index.ts';
import type { PlanRequest, RunPlan } from '../run/plan.ts';
import type { RunClock } from '../run/run-clock.ts';
import type { WorkerPool } from '../run/worker-pool.ts';

/** The flags that say which configuration is meant, as yargs gives them. */
interface ExperimentFlags {
  readonly set: readonly string[];
  readonly policy: readonly string[];
  readonly seed?: number | undefined;
  readonly repeats?: number | undefined;
  readonly mode?: Exclude<ExecutionSpec['mode'], 'replay'> | undefined;
  readonly clock?: RunClock['kind'] | undefined;
  readonly seedsSimulated?: number | undefined;
}

type FileRequest = Extract<PlanRequest, { kind: 'file' }>;

/** Asks for a configuration file with what the flags change in it. */
export function fileRequest(file: string, flags: ExperimentFlags): FileRequest {
  const { set, policy, seed, repeats, mode, clock, seedsSimulated } = flags;
  return {
    kind: 'file',
    file,
    cwd: process.cwd(),
    overrides: set,
    flags: {
      policies: policy,
      ...(seed !== undefined && { seed }),
      ...(repeats !== undefined && { repeats }),
      ...(mode !== undefined && { mode }),
      ...(clock !== undefined && { clock }),
      ...(seedsSimulated !== undefined && { seedsSimulated }),
    },
  };
}

/** Plans a run. A plug-in whose import never returns is bad input, just as one whose import throws. */
export async function makePlan(request: PlanRequest, pool: WorkerPool): Promise<RunPlan> {
  try {
    return await pool.run('plan', request);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new InputError({ source: 'policies', path: '', message: error.message }, { cause: error });
  }
}
