import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { TensorOps } from './tensor-ops.ts';

/**
 * Rotary position embedding (Su et al., RoFormer) on neighbouring pairs of columns, as in the original Llama.
 * Each pair is one complex number, so that rotating all heads of all tokens is a single complex product.
 */
export class RopeTable {
  readonly #ops: TensorOps;
  readonly #shape: ModelShape;
  /** `[positions, headDim]`: cosine and sine of each pair side by side. */
  #table: DeviceTensor;
  #numPositions = 1024;

  constructor(ops: TensorOps, shape: ModelShape) {
    this.#ops = ops;
    this.#shape = shape;
    this.#table = this.#build();
  }

  dispose(): void {
    this.#ops.free(this.#table);
  }

  /**
   * Returns the factors for the heads of Q, K and V of tokens at these positions, complex `[tokens, (numHeads
   * + 2 * numKvHeads) * headDim / 2]`. V must not be rotated, so it gets the factors of position 0, which are
   * 1.
   */
  factors(positions: Int32Array): DeviceTensor {
    const ops = this.#ops;
    this.#growTo(positions);
    const { numHeads, numKvHeads, headDim } = this.#shape;
    const numColumns = numHeads + 2 * numKvHeads;
    const rows = new Int32Array(positions.length * numColumns);
    for (const [token, position] of positions.entries()) {
      rows.fill(position, token * numColumns, token * numColumns + numHeads + numKvHeads);
    }
    const indices = ops.tensor(rows, [rows.length]);
    const angles = ops.freeing(ops.gather(this.#table, indices), indices);
    const pairs = ops.freeing(ops.reshape(angles, [positions.length, (numColumns * headDim) / 2, 2]), angles);
    return ops.freeing(ops.asComplex(pairs), pairs);
  }

  #growTo(positions: Int32Array): void {
    const needed = positions.reduce((largest, position) => Math.max(largest, position), 0) + 1;
    if (needed <= this.#numPositions) return;
    while (this.#numPositions < needed) this.#numPositions *= 2;
    this.#ops.free(this.#table);
    this.#table = this.#build();
  }

  #build(): DeviceTensor {
    const { headDim, ropeTheta } = this.#shape;
    const table = new Float32Array(this.#numPositions * headDim);
    for (let pair = 0; pair < headDim / 2; pair += 1) {
      const frequency = ropeTheta ** ((-2 * pair) / headDim);
      for (let position = 0; position < this.#numPositions; position += 1) {
        table[position * headDim + 2 * pair] = Math.cos(position * frequency);
        table[position * headDim + 2 * pair + 1] = Math.sin(position * frequency);
      }
    }
    return this.#ops.tensor(table, [this.#numPositions, headDim]);
  }
}
