import { createRng } from '../base/rng.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { costOfCounts, type StageProfile } from '../domain/stage-profile.ts';
import type { MeasuredExecutor } from '../executors/measured.ts';
import { timeStages } from './time-stages.ts';

/** Steps that are timed: about a second of a small model, in which noise averages out to half a percent. */
const numSteps = 400;

/**
 * Returns what a beat of the metronome takes in this process, in microseconds, when stages take what the profile says. A part
 * of a calibration's load is served for it: where memory lies differs from process to process, and makes the beat
 * differ from the stages by some percent.
 */
export function tunedBeatUs(executor: MeasuredExecutor, profile: StageProfile, model: ModelShape): number {
  const { stages, beatUs } = timeStages({
    executor,
    model,
    blockSizeTokens: profile.blockSizeTokens,
    rng: createRng(1, 'tuning'),
    numSteps,
    onProgress: () => {},
  });
  let measuredUs = 0;
  let profileUs = 0;
  for (const { counts, us } of stages) {
    measuredUs += us;
    profileUs += costOfCounts(profile.costsUs, counts);
  }
  return (beatUs * profileUs) / measuredUs;
}
