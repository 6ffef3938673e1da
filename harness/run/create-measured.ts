import { must } from '../base/assert.ts';
import { wallClockUs } from '../base/clock.ts';
import { chargeMeasured, chargeReference } from '../executors/charge.ts';
import { Metronome } from '../executors/metronome.ts';
import { speedRows } from '../metrics/rows/speed-row.ts';
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
  const openSink = fileSinks(job.dir);
  const recording = openSink(recordingFile);
  const speeds = openSink(speedRows.file);
  const { kind, scale, profile } = must(job.clock, 'clock of a measured run');
  const metronome = new Metronome(
    () => measured.beatUs(),
    profile.beatUs,
    (record) => speedRows.write(record, speeds),
  );
  const recorded = recordExecutor(measured, recording, {
    charge: kind === 'device' ? chargeMeasured : chargeReference(scale, metronome),
    beforeStage: () => metronome.tick(),
  });
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

/** More of a cell's time than this taken by other processes, or its speed changing by more, and its figures do not count. */
const maxLostShare = 0.1;
const maxSpeedSpread = 1.25;

/** Returns what was wrong with the machine while a cell ran, in a sentence, or `undefined` where it was quiet enough. */
export function disturbanceOf(seen: {
  readonly lostShare: number;
  readonly speedSpread: number;
}): string | undefined {
  const { lostShare, speedSpread } = seen;
  if (lostShare > maxLostShare) {
    return `other processes took ${Math.round(lostShare * 100)} % of its time (limit ${maxLostShare * 100} %)`;
  }
  if (speedSpread > maxSpeedSpread) {
    return `the machine's speed changed by a factor of ${speedSpread.toFixed(2)} (limit ${maxSpeedSpread})`;
  }
  return undefined;
}

/** On a CPU steps compute all the time: wall time beyond CPU time is time that other processes took. */
function watchLoad(): () => number {
  const startUs = wallClockUs();
  const startCpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(startCpu);
    return Math.max(0, 1 - (user + system) / (wallClockUs() - startUs));
  };
}
