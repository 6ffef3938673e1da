import { createRng } from '../base/rng.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { costOfCounts, type StageProfile } from '../domain/stage-profile.ts';
import type { MeasuredExecutor } from '../executors/measured.ts';
import { timeStages } from './time-stages.ts';

/** Steps that are timed before the first cell: about a second of a small model. */
const numSteps = 400;

/** What some stages took, what they take by the profile, and what a beat took at the time. */
interface Observation {
  readonly measuredUs: number;
  readonly profileUs: number;
  readonly beatUs: number;
}

/**
 * Knows what a beat of the metronome takes in this process when stages take what the profile says: where memory lies
 * differs from process to process, and makes the beat differ from the stages by some percent. Every stage of every
 * cell makes it surer. What is learned is one number for all stacks: that one of them has stages which cost more than
 * the profile says stays in its time.
 */
export class Tuning {
  #profileUs = 0;
  #beats = 0;

  add({ measuredUs, profileUs, beatUs }: Observation): void {
    this.#profileUs += profileUs;
    this.#beats += measuredUs / beatUs;
  }

  /** In microseconds. */
  get beatUs(): number {
    return this.#profileUs / this.#beats;
  }
}

/** Serves a part of a calibration's load, which also makes TensorFlow meet the shapes of steps before they count. */
export function tune(executor: MeasuredExecutor, profile: StageProfile, model: ModelShape): Tuning {
  const tuning = new Tuning();
  const { stages, beatUs } = timeStages({
    executor,
    model,
    blockSizeTokens: profile.blockSizeTokens,
    rng: createRng(1, 'tuning'),
    numSteps,
    onProgress: () => {},
  });
  for (const { counts, us } of stages) {
    tuning.add({ measuredUs: us, profileUs: costOfCounts(profile.costsUs, counts), beatUs });
  }
  return tuning;
}
