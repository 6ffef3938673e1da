const chunkLength = 4096;

/** A growing list of numbers at eight bytes each. It is kept in chunks, so that growing never copies. */
export class Samples {
  readonly #chunks: Float64Array[] = [];
  #last = new Float64Array(0);
  #lastLength = 0;

  get length(): number {
    return this.#chunks.length === 0 ? 0 : (this.#chunks.length - 1) * chunkLength + this.#lastLength;
  }

  push(value: number): void {
    if (this.#lastLength === this.#last.length) {
      this.#last = new Float64Array(chunkLength);
      this.#chunks.push(this.#last);
      this.#lastLength = 0;
    }
    this.#last[this.#lastLength] = value;
    this.#lastLength += 1;
  }

  /** Copies all values into `target` from `offset` on. */
  copyInto(target: Float64Array, offset: number): void {
    let position = offset;
    for (const chunk of this.#chunks) {
      const length = chunk === this.#last ? this.#lastLength : chunkLength;
      target.set(chunk.subarray(0, length), position);
      position += length;
    }
  }
}

/** Returns all values of several lists in ascending order. */
export function sortedUnion(lists: readonly Samples[]): Float64Array {
  let total = 0;
  for (const list of lists) total += list.length;
  const values = new Float64Array(total);
  let offset = 0;
  for (const list of lists) {
    list.copyInto(values, offset);
    offset += list.length;
  }
  values.sort();
  return values;
}
