import { wallClockUs } from '../base/clock.ts';
import { loadBackend } from '../backend/load.ts';
import { closingLine, recordExecutor, recordingFile } from '../executors/recorded.ts';
import { MeasuredExecutor } from '../executors/measured.ts';
import { describeFailure, type TokenCheck, verifyTokens } from '../executors/verify.ts';
import { fileSinks } from '../metrics/sinks.ts';
import type { CellJob } from './cell-job.ts';
import type { CellExecutor } from './cell-executor.ts';

/** A token that the run generated is not what the model says: some KV or weights were not what they should have been. */
export class TokenCheckError extends Error {
  readonly code = 'token-check';

  constructor(check: TokenCheck) {
    const [first] = check.failures;
    const total = check.verifiedTokens + check.failures.length;
    super(
      `${check.failures.length} of ${total} generated tokens fail the token check` +
        (first === undefined ? '' : `; the first: ${describeFailure(first)}`),
    );
    this.name = 'TokenCheckError';
  }
}

/** Makes an executor on TensorFlow in this process. TensorFlow is loaded once, so later cells of the same worker start at once. */
export async function createMeasuredExecutor(job: CellJob): Promise<CellExecutor> {
  const { config, seed } = job;
  const backend = await loadBackend({ numThreads: config.execution.threads });
  const model = { backend, shape: config.model, seed };
  const measured = new MeasuredExecutor({ ...model, blockSizeTokens: config.engine.blockSizeTokens });
  const recording = fileSinks(job.dir)(recordingFile);
  const recorded = recordExecutor(measured, recording);
  const checkTokens = (): number | null => {
    if (!config.execution.verifyTokens) return null;
    const check = verifyTokens(measured.ended(), model);
    if (check.failures.length > 0) throw new TokenCheckError(check);
    return check.verifiedTokens;
  };
  const verify = (): number | null => {
    const verifiedTokens = checkTokens();
    recording.write(closingLine(verifiedTokens));
    return verifiedTokens;
  };
  const doubts = backend.device.kind === 'cpu' ? watchLoad() : () => [];
  return { executor: recorded.executor, executorUs: () => recorded.executorUs, doubts, verify };
}

/** A run that took so much longer than the CPU time it used was kept from running by something else. */
const busyRatio = 1.15;

/** On a CPU steps compute all the time, so wall time beyond CPU time is time that other processes took. */
function watchLoad(): () => readonly string[] {
  const startUs = wallClockUs();
  const startCpu = process.cpuUsage();
  return () => {
    const cpu = process.cpuUsage(startCpu);
    const ratio = (wallClockUs() - startUs) / (cpu.user + cpu.system);
    if (ratio < busyRatio) return [];
    return [
      `the machine was busy: the run took ${ratio.toFixed(2)} times its CPU time, so steps were measured too long`,
    ];
  };
}
