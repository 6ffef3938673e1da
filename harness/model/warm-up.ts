import { wallClockUs } from '../base/clock.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { ModelInstance } from './model-instance.ts';
import type { BatchEntry } from './step-plan.ts';
import type { TensorOps } from './tensor-ops.ts';
import type { WeightLoader } from './weights.ts';

const promptTokens = 256;
const numSequences = 8;

/**
 * Duration of the first warm-up of a process, about 250 steps: enough for the first cell to be no slower than
 * later ones.
 */
const firstWarmUpUs = 1_000_000;

/** Whether this process has run steps for long enough that its code is compiled. */
let isProcessWarm = false;

/**
 * Runs one layer on prompts and decode steps and discards the results. TensorFlow sets up its kernels and
 * memory pool on first use, and JavaScript is compiled while it runs; without a warm-up the first requests of
 * a run and the first cell of a process were up to a third slower.
 */
export function warmUp(
  ops: TensorOps,
  model: { shape: ModelShape; weights: WeightLoader; blockSizeTokens: number },
): void {
  const untilUs = wallClockUs() + (isProcessWarm ? 0 : firstWarmUpUs);
  isProcessWarm = true;
  do runOnce(ops, model);
  while (wallClockUs() < untilUs);
}

function runOnce(
  ops: TensorOps,
  model: { shape: ModelShape; weights: WeightLoader; blockSizeTokens: number },
): void {
  const layers = { first: 0, count: 1 };
  const numCells = numSequences * Math.ceil((promptTokens + 1) / model.blockSizeTokens);
  const instance = new ModelInstance(ops, { ...model, layers, numCells });
  const run = (batch: BatchEntry[]): void => {
    const totalTokens = batch.reduce((sum, entry) => sum + entry.numTokens, 0);
    instance.reserveKv(batch, layers);
    const hidden = instance.runLayers({ batch, layers, input: { tokens: new Int32Array(totalTokens) } });
    instance.sample(hidden, Int32Array.from(batch.keys()));
    ops.free(hidden);
  };
  run([{ requestId: 0, numTokens: promptTokens, pastTokens: 0 }]);
  for (let size = 1; size <= numSequences; size += 1) {
    run(
      Array.from({ length: size }, (_, requestId) => ({ requestId, numTokens: 1, pastTokens: promptTokens })),
    );
  }
  instance.dispose();
}
