import type { StageTiming } from '../../harness/policy/index.ts';
import { LeastSquares } from './least-squares.ts';

/**
 * Coefficients of the time that a chunk of a request adds to one layer, in microseconds (KunServe, section
 * 4.3).
 */
export interface ChunkCost {
  /**
   * Alpha: cost of each pair of query and key. A chunk of c tokens after p earlier ones has p * c + c * (c +
   * 1) / 2 pairs.
   */
  readonly perAttentionPair: number;
  /** Beta: cost of each token. */
  readonly perToken: number;
  /**
   * Gamma minus lambda: cost of each chunk, less the cost of reading the weights, which the chunks of a
   * micro-batch share.
   */
  readonly perChunk: number;
}

/** One sample in this many is used to measure the prediction error instead of being learned. */
const heldOutEvery = 8;

/** Fewest samples from which the four coefficients are estimated. */
const minSamples = 32;

/** Indices of the features. Summed over the chunks of a micro-batch, the layer time is linear in them. */
const feature = { attentionPairs: 0, tokens: 1, chunks: 2, microBatches: 3, count: 4 } as const;

/**
 * KunServe's cost of a micro-batch (section 4.3),
 *
 * layer time = alpha * attentionPairs + beta * tokens + (gamma - lambda) * chunks + lambda,
 *
 * fitted to the stage times observed while the cluster serves; the paper fits offline runs. Only stages of
 * micro-batches that contain prefill are samples: lookahead batching divides only these, and decode steps,
 * which are bound by memory, follow a different line. Each sample is divided by its layer time, so that the
 * fit minimises relative errors and short micro-batches count as much as long ones. One sample in eight is
 * held out and predicted from the earlier ones, once with and once without the attention term.
 */
export class CostModel {
  readonly #fit = new LeastSquares(feature.count);
  readonly #row = new Float64Array(feature.count);
  #numSeen = 0;
  #numLearned = 0;
  #numPredicted = 0;
  #errorSum = 0;
  #errorSumWithoutAttention = 0;

  /**
   * Adds the sample of one stage to the running sums. It is called for every stage of every step, so it
   * stores no samples.
   */
  observe(timing: StageTiming): void {
    if (timing.totalTokens === timing.decodeTokens) return;
    const layerUs = timing.durationUs / timing.numLayers;
    const row = this.#row;
    row[feature.attentionPairs] = timing.attentionPairs / layerUs;
    row[feature.tokens] = timing.totalTokens / layerUs;
    row[feature.chunks] = timing.numEntries / layerUs;
    row[feature.microBatches] = 1 / layerUs;
    this.#numSeen += 1;
    if (this.#numSeen % heldOutEvery === 0) this.#predict();
    else {
      this.#fit.add(row, 1);
      this.#numLearned += 1;
    }
  }

  /**
   * The fitted coefficients; undefined while there are too few samples, or while the fit finds no cost of
   * tokens or attention.
   */
  get chunkCost(): ChunkCost | undefined {
    if (this.#numLearned < minSamples) return undefined;
    const weights = this.#fit.solve();
    // A negative coefficient is noise: more work never costs less.
    const cost = {
      perAttentionPair: Math.max(0, weights[feature.attentionPairs] as number),
      perToken: Math.max(0, weights[feature.tokens] as number),
      perChunk: Math.max(0, weights[feature.chunks] as number),
    };
    return cost.perAttentionPair + cost.perToken > 0 ? cost : undefined;
  }

  /**
   * The fixed cost of a micro-batch expressed in tokens (lambda / beta); undefined whenever `chunkCost` is,
   * or if tokens cost nothing.
   */
  get fixedTokens(): number | undefined {
    if (this.chunkCost === undefined) return undefined;
    const weights = this.#fit.solve();
    const perToken = weights[feature.tokens] as number;
    const perMicroBatch = Math.max(0, weights[feature.microBatches] as number);
    return perToken > 0 ? perMicroBatch / perToken : undefined;
  }

  /**
   * Mean relative errors on the held-out samples, numbers of samples, and coefficients in microseconds per
   * layer; null before there are enough samples.
   */
  stats(): Record<string, number | null> {
    const isFitted = this.#numLearned >= minSamples;
    const [alpha = null, beta = null, perChunk = null, lambda = null] = isFitted ? this.#fit.solve() : [];
    const meanOf = (sum: number): number | null =>
      this.#numPredicted === 0 ? null : sum / this.#numPredicted;
    return {
      fit_error: meanOf(this.#errorSum),
      fit_error_without_attention: meanOf(this.#errorSumWithoutAttention),
      fit_samples: this.#numLearned,
      fit_held_out: this.#numPredicted,
      alpha_us: alpha,
      beta_us: beta,
      gamma_us: perChunk === null || lambda === null ? null : perChunk + lambda,
      lambda_us: lambda,
    };
  }

  #predict(): void {
    if (this.#numLearned < minSamples) return;
    this.#numPredicted += 1;
    this.#errorSum += this.#errorOf(this.#fit.solve());
    this.#errorSumWithoutAttention += this.#errorOf(this.#fit.solve(feature.attentionPairs + 1));
  }

  /**
   * Returns the relative error of predicting the sample in `row`, which has been divided by its layer time,
   * so the true value is 1.
   */
  #errorOf(weights: Float64Array): number {
    let predicted = 0;
    for (let i = 0; i < feature.count; i += 1) predicted += (weights[i] as number) * (this.#row[i] as number);
    return Math.abs(predicted - 1);
  }
}
