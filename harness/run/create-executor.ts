import { join } from 'node:path';
import { must } from '../base/assert.ts';
import type { Executor } from '../core/executor.ts';
import { recordingFile, ReplayExecutor } from '../executors/recorded.ts';
import { SimulatedExecutor } from '../executors/simulated.ts';
import type { CellJob } from './cell-job.ts';

/** An executor with the check that follows the run. */
export interface CellExecutor {
  readonly executor: Executor;
  /** Wall time that the executor has used, microseconds; 0 where nothing is executed. */
  executorUs(): number;
  /** What makes the measured times doubtful, in sentences; asked right after the run. */
  doubts(): readonly string[];
  /** Tokens that the check confirmed, `null` where nothing was executed; throws when one is wrong. */
  verify(): number | null;
}

/** The executor of the job's mode. TensorFlow is loaded only where steps are really measured. */
export async function createExecutor(job: CellJob): Promise<CellExecutor> {
  const { execution, model, cluster } = job.config;
  switch (execution.mode) {
    case 'simulate':
      return {
        executor: new SimulatedExecutor(model, cluster.hardware),
        executorUs: () => 0,
        doubts: () => [],
        verify: () => null,
      };
    case 'replay': {
      const dir = must(execution.replayDir, 'folder to replay');
      const executor = new ReplayExecutor(join(dir, 'cells', job.id, recordingFile));
      return { executor, executorUs: () => 0, doubts: () => [], verify: () => executor.finish() };
    }
    case 'measure': {
      const { createMeasuredExecutor } = await import('./create-measured.ts');
      return createMeasuredExecutor(job);
    }
  }
}
