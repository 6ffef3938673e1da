import { stringify } from 'yaml';
import { isoNow } from '../base/clock.ts';
import { writeWhole } from '../base/write-whole.ts';
import { type StageProfile, stageTerms } from '../domain/stage-profile.ts';
import type { RunPlan } from '../run/plan.ts';
import { explainDiskError } from '../run/disk.ts';
import type { RunClock } from '../run/run-clock.ts';
import { WorkerPool } from '../run/worker-pool.ts';
import { prepareBackend } from './backend-info.ts';
import { columns } from './columns.ts';
import type { ExitCode } from './command.ts';
import { SetupLine } from './setup-line.ts';

export interface CalibrationFlags {
  readonly config: string;
  readonly write?: string | undefined;
  readonly device: 'auto' | 'cpu' | 'cuda';
  readonly format: 'table' | 'json';
}

/** Above this the median error on windows of stages that the fit has not seen says that the cost is not such a sum. */
const largestError = 0.1;

/** `bench calibrate`: measures this device anew, keeps its profile for later runs, and shows it. */
export async function runCalibration({
  config: file,
  write,
  device,
  format,
}: CalibrationFlags): Promise<ExitCode> {
  const pool = new WorkerPool();
  try {
    const plan = await pool.run('plan', {
      kind: 'file',
      file,
      cwd: process.cwd(),
      overrides: [],
      flags: { mode: 'measure' },
    });
    await prepareBackend({ mode: 'measure', device, isQuiet: false });
    const clock = await calibrateFor(plan, pool, { isFresh: true, isQuiet: false });
    if (write !== undefined) await writeProfile(write, clock.profile, file);
    console.log(format === 'json' ? JSON.stringify(clock, undefined, 2) : describeClock(clock, plan));
    return 0;
  } finally {
    pool.close();
  }
}

/** Returns the clock of a measured run. Where its device has to be calibrated first, a line shows the progress. */
export async function calibrateFor(
  { config }: RunPlan,
  pool: WorkerPool,
  { isFresh, isQuiet }: { readonly isFresh: boolean; readonly isQuiet: boolean },
): Promise<RunClock> {
  const line = new SetupLine(process.stderr);
  const text = `calibrating this device for ${config.model.name}`;
  try {
    const clock = await pool.run('clock', { config, isFresh }, ({ ended, planned }) => {
      if (!isQuiet) line.show({ phase: 'calibrate', text, fraction: ended / planned });
    });
    const { medianError } = clock.profile.heldOut;
    if (medianError > largestError) {
      console.error(
        `warning: the cost of steps is fitted badly on this device (median error ${percent(medianError)} on stages ` +
          'that the fit has not seen); bench calibrate measures again',
      );
    }
    return clock;
  } finally {
    line.end();
  }
}

async function writeProfile(path: string, profile: StageProfile, config: string): Promise<void> {
  const head = `# What stages take on one device: made by "bench calibrate --config ${config}", ${isoNow().slice(0, 10)}.\n`;
  try {
    await writeWhole(path, head + stringify(rounded(profile)));
  } catch (error) {
    throw explainDiskError(error, path);
  }
}

/** Costs to four digits: they are not known better. */
function rounded(profile: StageProfile): StageProfile {
  const costsUs = Object.fromEntries(
    stageTerms.map((term) => [term, Number(profile.costsUs[term].toPrecision(4))]),
  ) as StageProfile['costsUs'];
  const { numWindows, medianError, p90Error } = profile.heldOut;
  return {
    ...profile,
    costsUs,
    spread: profile.spread.map((ratio) => Number(ratio.toPrecision(4))),
    heldOut: {
      numWindows,
      medianError: Number(medianError.toFixed(4)),
      p90Error: Number(p90Error.toFixed(4)),
    },
  };
}

function describeClock({ profile, scale }: RunClock, { config }: RunPlan): string {
  const { costsUs, heldOut, device, tensorflow, threads } = profile;
  const of = config.cluster.hardware.profile === undefined ? 'by its figures' : 'by its profile';
  return [
    `${config.model.name} on ${device}, TensorFlow ${tensorflow}, ${threads} thread${threads === 1 ? '' : 's'}`,
    '',
    columns(stageTerms.map((term) => [term, `${costsUs[term].toPrecision(3)} us`])),
    '',
    `error on ${heldOut.numWindows} windows of stages that the fit has not seen: ` +
      `median ${percent(heldOut.medianError)}, p90 ${percent(heldOut.p90Error)}`,
    `this device runs the model at ${scale.toFixed(3)} times the speed of ${config.cluster.hardware.name} (${of})`,
  ].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
