import { type BuiltWorkload, buildWorkload } from '../../workloads/index.ts';
import { EnvironmentError, InputError } from '../base/errors.ts';
import type { ResolvedConfig } from '../config/resolved.ts';

/**
 * Plans the requests of a cell of a run whose plan has been made. Throws an `EnvironmentError`, which ends the run, where
 * a trace file is gone or has other bytes than the plan read: its cells would replay different requests.
 */
export async function plannedWorkload(config: ResolvedConfig, seed: number): Promise<BuiltWorkload> {
  const { workload: sources, classes, baseDir } = config;
  try {
    return await buildWorkload({ sources, classes, seed, baseDir });
  } catch (error) {
    const changed = error instanceof InputError ? changedTrace(error, config) : undefined;
    throw changed ?? error;
  }
}

function changedTrace(error: InputError, { workload }: ResolvedConfig): EnvironmentError | undefined {
  const files = workload.flatMap((source) => (source.kind === 'trace' ? [source.path] : []));
  const issue = error.issues.find(({ source }) => files.includes(source));
  if (issue === undefined) return undefined;
  return new EnvironmentError(
    `the trace ${issue.source} is not what it was when the run began: ${issue.message}`,
    'finished cells are kept: put the file back and go on with --resume, or start anew',
    { cause: error },
  );
}
