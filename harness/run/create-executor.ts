import { join } from 'node:path';
import { must } from '../base/assert.ts';
import { InputError } from '../base/errors.ts';
import { recordingFile, ReplayExecutor } from '../executors/recorded.ts';
import { SimulatedExecutor } from '../executors/simulated.ts';
import { isAsWritten } from '../metrics/checksums.ts';
import { cellFolder } from '../metrics/read-results.ts';
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
      const cell = cellFolder(must(execution.replayDir, 'folder to replay'), job.id);
      const executor = new ReplayExecutor(join(cell, recordingFile));
      await requireAsWritten(cell);
      return { executor, executorUs: () => 0, disturbance: () => undefined, verify: () => executor.finish() };
    }
    case 'measure': {
      const { createMeasuredExecutor } = await import('./create-measured.ts');
      return createMeasuredExecutor(job, onStage);
    }
  }
}

/** A changed digit can leave a duration that may well have been measured. */
async function requireAsWritten(cell: string): Promise<void> {
  if (await isAsWritten(cell, recordingFile)) return;
  const message = 'the recording is damaged: it is not as it was written';
  throw new InputError({ source: join(cell, recordingFile), path: '', message });
}
