import { join } from 'node:path';
import { must } from '../base/assert.ts';
import { recordingFile, ReplayExecutor } from '../executors/recorded.ts';
import { SimulatedExecutor } from '../executors/simulated.ts';
import type { CellExecutor } from './cell-executor.ts';
import type { CellJob } from './cell-job.ts';

/**
 * Makes the executor of the job's mode. TensorFlow is loaded only where steps are really measured; `onStage` is told of every
 * stage that is.
 */
export async function createExecutor(job: CellJob, onStage: () => void): Promise<CellExecutor> {
  const { execution, model } = job.config;
  switch (execution.mode) {
    case 'simulate':
      return {
        executor: new SimulatedExecutor(model),
        executorUs: () => 0,
        disturbance: () => undefined,
        verify: () => null,
      };
    case 'replay': {
      const dir = must(execution.replayDir, 'folder to replay');
      const executor = new ReplayExecutor(join(dir, 'cells', job.id, recordingFile));
      return { executor, executorUs: () => 0, disturbance: () => undefined, verify: () => executor.finish() };
    }
    case 'measure': {
      const { createMeasuredExecutor } = await import('./create-measured.ts');
      return createMeasuredExecutor(job, onStage);
    }
  }
}
