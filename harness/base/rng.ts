/**
 * A stream of random numbers. One master seed is split into named streams, so that an additional draw in one
 * place (such as a policy) never shifts the numbers of another (such as the workload).
 */
export interface Rng {
  /** Uniform in [0, 1) with a resolution of 32 bits. */
  uniform(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Exponential with mean 1. */
  exponential(): number;
}

/** Creates the stream called `name` of the master seed. The same arguments always give the same numbers. */
export function createRng(seed: number, name: string): Rng {
  return new Sfc32(hash(`${seed}/${name}`));
}

/**
 * sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, passes BigCrush, takes a few operations per
 * draw.
 */
class Sfc32 implements Rng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: readonly [number, number, number]) {
    [this.#a, this.#b, this.#c] = seed;
    for (let i = 0; i < 12; i += 1) this.#next();
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  uniform(): number {
    return this.#next() / 4294967296;
  }

  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  normal(): number {
    const radius = Math.sqrt(2 * this.exponential());
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  exponential(): number {
    return -Math.log(1 - this.uniform());
  }
}

// All streams share it: a policy that is handed one must not reach into those of the workload.
Object.freeze(Sfc32.prototype);

/** Hashes the text by FNV-1a with three offsets into three independent words. */
function hash(text: string): [number, number, number] {
  return [hashWith(text, 0x811c9dc5), hashWith(text, 0x9e3779b9), hashWith(text, 0x7f4a7c15)];
}

function hashWith(text: string, offset: number): number {
  let value = offset;
  for (let i = 0; i < text.length; i += 1) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return value | 0;
}
