import type { InstanceSample } from '../core/observer.ts';

/**
 * External fragmentation of KV memory (Llumnix, sections 3 and 6.3): memory that is free, and of no use to requests that
 * wait on other instances. At each sampled moment the first waiting requests that do not fit their own instance are served,
 * smallest first, out of the free memory of all serving instances; what they would take, over all their KV memory, is the
 * fragmented share. Bytes; of a pipeline, those of its first member.
 */
export class Fragmentation {
  #timeUs = -1;
  #freeBytes = 0;
  #totalBytes = 0;
  /** The KV bytes that first waiting requests need which do not fit their own instance, at the current moment. */
  readonly #demands: number[] = [];
  #numMoments = 0;
  #shareSum = 0;
  #maxShare = 0;

  /** Adds a sample. Samples of one moment come one after the other, one for each instance. */
  addSample(sample: InstanceSample): void {
    if (sample.timeUs !== this.#timeUs) this.#closeMoment();
    this.#timeUs = sample.timeUs;
    if (sample.state !== 'ready') return;
    const { headKvBytes, kvFreeBytes } = sample;
    this.#freeBytes += kvFreeBytes;
    this.#totalBytes += kvFreeBytes + sample.kvUsedBytes;
    if (headKvBytes > kvFreeBytes) this.#demands.push(headKvBytes);
  }

  /**
   * Returns the mean and the largest share over all moments so far at which there was KV memory, or `undefined` if there
   * was none.
   */
  ratios(): { readonly mean: number; readonly max: number } | undefined {
    this.#closeMoment();
    if (this.#numMoments === 0) return undefined;
    return { mean: this.#shareSum / this.#numMoments, max: this.#maxShare };
  }

  #closeMoment(): void {
    if (this.#totalBytes === 0) return;
    const share = servableBytes(this.#demands, this.#freeBytes) / this.#totalBytes;
    this.#numMoments += 1;
    this.#shareSum += share;
    this.#maxShare = Math.max(this.#maxShare, share);
    this.#freeBytes = 0;
    this.#totalBytes = 0;
    this.#demands.length = 0;
  }
}

/** Returns how many bytes of these demands, served smallest first, would fit the free memory if that were in one place. */
export function servableBytes(demands: readonly number[], freeBytes: number): number {
  let bytes = 0;
  for (const demand of demands.toSorted((a, b) => a - b)) {
    if (bytes + demand > freeBytes) break;
    bytes += demand;
  }
  return bytes;
}
