import type { ModelShape } from '../domain/model-shape.ts';
import { ModelInstance } from './model-instance.ts';
import type { BatchEntry } from './step-plan.ts';
import type { TensorOps } from './tensor-ops.ts';
import type { WeightLoader } from './weights.ts';

const numSequences = 8;
const contextTokens = 128;
const firstLayer = { first: 0, count: 1 };

/**
 * A small fixed piece of the model's own work, a decode step of some sequences through the first layer and the output
 * head: what it takes tells how fast the machine is now. Loops in JavaScript, which would be cheaper, do not: what slows
 * stages down on a shared machine is mostly its memory, and they hardly notice.
 */
export class Beat {
  readonly #ops: TensorOps;
  readonly #instance: ModelInstance;
  readonly #batch: readonly BatchEntry[];

  constructor(
    ops: TensorOps,
    model: { readonly shape: ModelShape; readonly weights: WeightLoader; readonly blockSizeTokens: number },
  ) {
    this.#ops = ops;
    const layers = firstLayer;
    const blocks = Math.ceil(contextTokens / model.blockSizeTokens);
    this.#instance = new ModelInstance(ops, {
      ...model,
      layers,
      numCells: numSequences * blocks,
    });
    this.#batch = Array.from({ length: numSequences }, (_, requestId) => ({
      requestId,
      numTokens: 1,
      pastTokens: contextTokens - 1,
    }));
    this.#instance.reserveKv(this.#batch, layers);
  }

  /** Runs it once, and waits for the device. */
  run(): void {
    const hidden = this.#instance.runLayers({
      batch: this.#batch,
      layers: firstLayer,
      input: { tokens: new Int32Array(numSequences) },
    });
    this.#instance.sample(hidden, Int32Array.from(this.#batch.keys()));
    this.#ops.free(hidden);
  }

  dispose(): void {
    this.#instance.dispose();
  }
}
