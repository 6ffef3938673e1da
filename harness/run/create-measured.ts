import { must } from '../base/assert.ts';
import { chargeMeasured, chargeReference } from '../executors/charge.ts';
import { speedRows } from '../metrics/rows/speed-row.ts';
import type { SpeedRecord } from '../domain/stage-profile.ts';
import { loadBackend } from '../backend/load.ts';
import { closingLine, recordExecutor, recordingFile } from '../executors/recorded.ts';
import { MeasuredExecutor } from '../executors/measured.ts';
import { describeFailure, type TokenCheck, verifyTokens } from '../executors/verify.ts';
import { fileSinks } from '../metrics/sinks.ts';
import type { CellJob } from './cell-job.ts';
import type { CellExecutor } from './cell-executor.ts';
import { disturbanceOf, watchLoad } from './disturbance.ts';
import { tunedMetronome } from './tuned-metronome.ts';

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

/**
 * Makes an executor on TensorFlow in this process. TensorFlow is loaded once, so later cells of the same worker start at once.
 * `onStage` is told before every stage, and of every pass of the check of tokens.
 */
export async function createMeasuredExecutor(job: CellJob, onStage: () => void): Promise<CellExecutor> {
  const { config, seed } = job;
  const backend = await loadBackend({ numThreads: config.execution.threads });
  const model = { backend, shape: config.model, seed };
  const measured = new MeasuredExecutor({ ...model, blockSizeTokens: config.engine.blockSizeTokens });
  const openSink = fileSinks(job.dir);
  const recording = openSink(recordingFile);
  const speeds = openSink(speedRows.file);
  const { kind, scale, profile } = must(job.clock, 'clock of a measured run');
  const onBeat = (record: SpeedRecord): void => speedRows.write(record, speeds);
  const { metronome, learn } = tunedMetronome(measured, model, { profile, onBeat });
  const recorded = recordExecutor(measured, recording, {
    charge: kind === 'device' ? chargeMeasured : chargeReference(scale, metronome),
    beforeStage: () => {
      onStage();
      metronome.tick();
    },
    afterStage: learn,
  });
  const verify = (): number | null => {
    const verifiedTokens = config.execution.verifyTokens
      ? checkedTokens(measured, { ...model, onPass: onStage })
      : null;
    recording.write(closingLine(verifiedTokens));
    return verifiedTokens;
  };
  const lostShare = backend.device.kind === 'cpu' ? watchLoad() : () => 0;
  return {
    executor: {
      ...recorded.executor,
      close: () => {
        recorded.executor.close();
        speeds.close();
      },
    },
    executorUs: () => recorded.executorUs,
    disturbance: () => disturbanceOf({ lostShare: lostShare(), speedSpread: metronome.spread }),
    verify,
  };
}

/** Returns how many tokens the check confirms; throws a `TokenCheckError` when one is wrong. */
function checkedTokens(measured: MeasuredExecutor, model: Parameters<typeof verifyTokens>[1]): number {
  const check = verifyTokens(measured.ended(), model);
  if (check.failures.length > 0) throw new TokenCheckError(check);
  return check.verifiedTokens;
}
