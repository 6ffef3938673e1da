import type { StageTiming } from '../../harness/policy/index.ts';
import { LeastSquares } from './least-squares.ts';

/** What a chunk of a request adds to the time of one layer, in microseconds (KunServe, section 4.3). */
export interface ChunkCost {
  /** Alpha: of a query with a key, p * c + c * (c + 1) / 2 of them for c tokens after p others. */
  readonly perAttentionPair: number;
  /** Beta. */
  readonly perToken: number;
  /** Gamma less lambda: of a chunk that shares the reading of the weights with others. */
  readonly perChunk: number;
}

/** Every so many samples one is predicted and not learned from. */
const heldOutEvery = 8;

/** Fewer samples than this say nothing about four coefficients. */
const minSamples = 32;

/** Places of the features. The sum over the chunks of a micro-batch is linear in them. */
const feature = { attentionPairs: 0, tokens: 1, chunks: 2, microBatches: 3, count: 4 } as const;

/**
 * KunServe's cost of a micro-batch (section 4.3),
 *
 *     layer time = alpha * attentionPairs + beta * tokens + (gamma - lambda) * chunks + lambda
 *
 * fitted to what stages took while the cluster serves, where the paper fits offline runs. Samples are stages of
 * micro-batches that contain prefill: those are what lookahead batching divides, and decode steps, bound by memory, follow
 * another line. A sample is divided by its time, so that relative errors count and short micro-batches as much as long
 * ones. One of eight is held out and predicted by what was learned before it, with and without attention.
 */
export class CostModel {
  readonly #fit = new LeastSquares(feature.count);
  readonly #row = new Float64Array(feature.count);
  #numSeen = 0;
  #numLearned = 0;
  #numPredicted = 0;
  #errorSum = 0;
  #errorSumWithoutAttention = 0;

  /** Called for every stage of every step: keeps sums only. */
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

  /** `undefined` before there are enough samples, and while they say that neither tokens nor attention cost anything. */
  get chunkCost(): ChunkCost | undefined {
    if (this.#numLearned < minSamples) return undefined;
    const weights = this.#fit.solve();
    // A cost that falls with more work is noise.
    const cost = {
      perAttentionPair: Math.max(0, weights[feature.attentionPairs] as number),
      perToken: Math.max(0, weights[feature.tokens] as number),
      perChunk: Math.max(0, weights[feature.chunks] as number),
    };
    return cost.perAttentionPair + cost.perToken > 0 ? cost : undefined;
  }

  /** Tokens that cost as much as a micro-batch costs however few it has (lambda / beta); `undefined` like `chunkCost`. */
  get fixedTokens(): number | undefined {
    if (this.chunkCost === undefined) return undefined;
    const weights = this.#fit.solve();
    const perToken = weights[feature.tokens] as number;
    const perMicroBatch = Math.max(0, weights[feature.microBatches] as number);
    return perToken > 0 ? perMicroBatch / perToken : undefined;
  }

  /** Mean relative errors on held-out samples; coefficients in microseconds per layer; `null` before there are any. */
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

  /** Of the sample in `row`, whose time is 1 after the division. */
  #errorOf(weights: Float64Array): number {
    let predicted = 0;
    for (let i = 0; i < feature.count; i += 1) predicted += (weights[i] as number) * (this.#row[i] as number);
    return Math.abs(predicted - 1);
  }
}
