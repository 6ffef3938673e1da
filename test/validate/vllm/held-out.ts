import { type Comparisons, compare } from './errors.ts';
import { type MeasuredRun, readHardware, readModel, readRun } from './measured-runs.ts';
import { measuredLatency, replay } from './replay.ts';

/** Requests before this one, in order of arrival, are those that hardware files may be fitted to. */
export function numFitted(run: MeasuredRun): number {
  return readRun(run).length / 2;
}

/** The whole run is replayed; compared are the requests that nothing was fitted to. */
export function compareHeldOut(run: MeasuredRun): Comparisons {
  const rows = readRun(run);
  const simulated = replay({ run, rows, model: readModel(run.model), hardware: readHardware(run.hardware) });
  const first = numFitted(run);
  return compare(simulated.slice(first), rows.slice(first).map(measuredLatency));
}
