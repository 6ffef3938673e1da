import type { ModelShape } from '../core/model-shape.ts';
import { ModelInstance } from './model-instance.ts';
import type { BatchEntry } from './step-plan.ts';
import type { TensorOps } from './tensor-ops.ts';
import type { WeightLoader } from './weights.ts';

const promptTokens = 256;
const numSequences = 8;

/**
 * Runs one layer on a prompt and some decode steps and throws it away. The library sets up its kernels and its memory
 * pool on first use; without this the first requests of a run would pay for it.
 */
export function warmUp(
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
