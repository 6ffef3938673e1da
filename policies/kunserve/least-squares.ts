/**
 * Added to the diagonal so that the equations stay solvable when features are linearly dependent; the weight
 * is then shared between them. Otherwise its effect is negligible.
 */
const ridge = 1e-9;

/**
 * Linear least squares over a stream of samples. It keeps the n x n normal equations and no samples. Features
 * are scaled to unit length before solving, so that their units do not matter.
 */
export class LeastSquares {
  readonly #numFeatures: number;
  /** Sum of the outer products x x' of the features: n x n, row by row, lower triangle only. */
  readonly #products: Float64Array;
  /** Sum of features times target, one entry per feature. */
  readonly #targets: Float64Array;

  constructor(numFeatures: number) {
    this.#numFeatures = numFeatures;
    this.#products = new Float64Array(numFeatures * numFeatures);
    this.#targets = new Float64Array(numFeatures);
  }

  add(features: ArrayLike<number>, target: number): void {
    const n = this.#numFeatures;
    for (let i = 0; i < n; i += 1) {
      const x = features[i] as number;
      for (let j = 0; j <= i; j += 1) {
        this.#products[i * n + j] = (this.#products[i * n + j] as number) + x * (features[j] as number);
      }
      this.#targets[i] = (this.#targets[i] as number) + x * target;
    }
  }

  /** Solves for the weights of the features from index `first` on; the weights before it are 0. */
  solve(first = 0): Float64Array {
    const n = this.#numFeatures;
    const scales = new Float64Array(n);
    for (let i = first; i < n; i += 1) {
      const square = this.#products[i * n + i] as number;
      if (square > 0) scales[i] = 1 / Math.sqrt(square);
    }
    const factor = this.#factorize(scales, first);
    const weights = new Float64Array(n);
    for (let i = first; i < n; i += 1) {
      let rest = (this.#targets[i] as number) * (scales[i] as number);
      for (let j = first; j < i; j += 1) rest -= (factor[i * n + j] as number) * (weights[j] as number);
      weights[i] = rest / (factor[i * n + i] as number);
    }
    for (let i = n - 1; i >= first; i -= 1) {
      let rest = weights[i] as number;
      for (let j = i + 1; j < n; j += 1) rest -= (factor[j * n + i] as number) * (weights[j] as number);
      weights[i] = rest / (factor[i * n + i] as number);
    }
    return weights.map((weight, i) => weight * (scales[i] as number));
  }

  /**
   * Returns the Cholesky factor (lower triangle, row by row) of the scaled products with the ridge on the
   * diagonal.
   */
  #factorize(scales: Float64Array, first: number): Float64Array {
    const n = this.#numFeatures;
    const factor = new Float64Array(n * n);
    for (let i = first; i < n; i += 1) {
      for (let j = first; j <= i; j += 1) {
        let rest = (this.#products[i * n + j] as number) * (scales[i] as number) * (scales[j] as number);
        for (let k = first; k < j; k += 1) {
          rest -= (factor[i * n + k] as number) * (factor[j * n + k] as number);
        }
        // With linearly dependent features, rounding may make a pivot smaller than the ridge.
        factor[i * n + j] =
          i === j ? Math.sqrt(Math.max(rest + ridge, ridge)) : rest / (factor[j * n + j] as number);
      }
    }
    return factor;
  }
}
