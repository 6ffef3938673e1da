import type { TensorflowBackend } from '../backend/tensorflow-backend.ts';
import { createRng } from '../base/rng.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { StageProfile } from '../domain/stage-profile.ts';
import { MeasuredExecutor } from '../executors/measured.ts';
import { fittedBatches, heldOutBatches } from './batches.ts';
import { fitCosts, relativeErrors } from './fit.ts';
import { timeStages } from './time-stages.ts';

export interface CalibrationRequest {
  readonly backend: TensorflowBackend;
  readonly model: ModelShape;
  readonly blockSizeTokens: number;
  /** Told after each batch. */
  onProgress(done: number, planned: number): void;
}

/** The same batches every time. */
const seed = 1;

/**
 * Measures what stages of the model take on this device and fits their cost. Takes some hundred steps of the model; the
 * device should have nothing else to do.
 */
export function calibrate({ backend, model, blockSizeTokens, onProgress }: CalibrationRequest): StageProfile {
  const executor = new MeasuredExecutor({ backend, shape: model, seed, blockSizeTokens });
  try {
    const rng = createRng(seed, 'calibration');
    const fitted = fittedBatches(rng, model.numLayers);
    const all = [...fitted, ...heldOutBatches(rng, model.numLayers)];
    const { batches, beatUs } = timeStages(all, { executor, model, blockSizeTokens, rng, onProgress });
    const costsUs = fitCosts(batches.slice(0, fitted.length).flat());
    const heldOut = batches.slice(fitted.length).flat();
    const { name: _name, ...dimensions } = model;
    return {
      model: dimensions,
      blockSizeTokens,
      device: backend.device.name,
      tensorflow: backend.tensorflowVersion,
      threads: backend.numThreads,
      costsUs,
      beatUs,
      heldOut: { numBatches: all.length - fitted.length, ...relativeErrors(costsUs, heldOut) },
    };
  } finally {
    executor.close();
  }
}
