import type { TensorflowBackend } from '../backend/tensorflow-backend.ts';
import { createRng } from '../base/rng.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { dimensionsOf, type StageCounts, type StageProfile, stageTerms } from '../domain/stage-profile.ts';
import { MeasuredExecutor } from '../executors/measured.ts';
import { fitCosts, relativeErrors, spreadOf, type TimedStage } from './fit.ts';
import { timeStages } from './time-stages.ts';

export interface CalibrationRequest {
  readonly backend: TensorflowBackend;
  readonly model: ModelShape;
  readonly blockSizeTokens: number;
  /** Told after each step. */
  readonly onProgress: (done: number, planned: number) => void;
}

/** The same load every time. */
const seed = 1;
const numSteps = 2400;

/** Stages whose cost together is predicted, as that of a request is: single ones differ by more than any model knows. */
const windowStages = 25;

/** One window in so many is held out of the fit. */
const heldOutEvery = 5;

/**
 * Measures what stages of the model take on this device and fits their cost. Takes some thousand steps of the model; the
 * device should have nothing else to do.
 */
export function calibrate({ backend, model, blockSizeTokens, onProgress }: CalibrationRequest): StageProfile {
  const executor = new MeasuredExecutor({ backend, shape: model, seed, blockSizeTokens });
  try {
    const rng = createRng(seed, 'calibration');
    const { stages } = timeStages({ executor, model, blockSizeTokens, rng, numSteps, onProgress });
    const isHeldOut = (index: number): boolean => Math.floor(index / windowStages) % heldOutEvery === 0;
    const costsUs = fitCosts(stages.filter((_, index) => !isHeldOut(index)));
    const windows = windowsOf(stages.filter((_, index) => isHeldOut(index)));
    return {
      model: dimensionsOf(model),
      blockSizeTokens,
      device: backend.device.name,
      tensorflow: backend.tensorflowVersion,
      threads: backend.numThreads,
      costsUs,
      spread: spreadOf(costsUs, stages),
      heldOut: { numWindows: windows.length, ...relativeErrors(costsUs, windows) },
    };
  } finally {
    executor.close();
  }
}

/** Adds up stages that ran one after the other. */
function windowsOf(stages: readonly TimedStage[]): readonly TimedStage[] {
  const windows: TimedStage[] = [];
  for (let first = 0; first + windowStages <= stages.length; first += windowStages) {
    windows.push(sumOf(stages.slice(first, first + windowStages)));
  }
  return windows;
}

function sumOf(stages: readonly TimedStage[]): TimedStage {
  const counts = Object.fromEntries(
    stageTerms.map((term) => [term, stages.reduce((sum, stage) => sum + stage.counts[term], 0)]),
  ) as StageCounts;
  return { counts, us: stages.reduce((sum, { us }) => sum + us, 0) };
}
