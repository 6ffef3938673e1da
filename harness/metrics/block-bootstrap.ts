import { createRng, type Rng } from '../base/rng.ts';

/**
 * Blocks that a run is cut into. Few and long, because the queue of a burst remembers for a large part of the run:
 * blocks of sqrt(n), or of the length that Politis and White's rule (2004) gives, called a tie a difference in a third
 * of simulated queues. Few blocks mean few degrees of freedom, which Student's t pays for (Ibragimov and Mueller 2010,
 * "t-Statistic Based Correlation and Heterogeneity Robust Inference").
 */
export const numBlocks = 5;

/**
 * Circular moving-block resamples (Politis and Romano 1992) of `length` items in time order, as how often each item
 * was drawn. Blocks keep the correlation between neighbours that drawing single items would destroy.
 */
export class BlockResampler {
  /** How often each item stands in the current resample. The counts sum to the length; at first each is 1. */
  readonly counts: Int32Array;
  readonly #rng: Rng;

  constructor(length: number, seed: number) {
    this.counts = new Int32Array(length).fill(1);
    this.#rng = createRng(seed, 'metrics/block-bootstrap');
  }

  /** Draws the next resample into `counts`. */
  next(): void {
    const { counts } = this;
    const { length } = counts;
    const blockLength = Math.ceil(length / numBlocks);
    counts.fill(0);
    for (let drawn = 0; drawn < length; drawn += blockLength) {
      this.#addBlock(Math.min(blockLength, length - drawn));
    }
  }

  #addBlock(blockLength: number): void {
    const { counts } = this;
    let index = this.#rng.integer(counts.length);
    for (let k = 0; k < blockLength; k += 1) {
      counts[index] = (counts[index] as number) + 1;
      index = index + 1 === counts.length ? 0 : index + 1;
    }
  }
}
