import type { Rng } from '../base/rng.ts';
import { asRequestId, type RequestId } from '../domain/ids.ts';
import type { RequestSpec } from '../domain/workload.ts';

/** KV that the requests of an instance may have together, in tokens. */
export const maxContextTokens = 4096;

const maxRequests = 28;
const maxPromptTokens = 512;
const meanPromptTokens = 90;
const meanOutputTokens = 24;
const maxOutputTokens = 128;

/** Steps in which the number of requests that an instance is to serve goes up to the largest and down again. */
const stepsPerWave = 125;

/** One request of an instance, and how many of its tokens are computed. */
interface Running {
  readonly spec: RequestSpec;
  computedTokens: number;
  generatedTokens: number;
}

/** One entry of a step. */
export interface LoadEntry {
  readonly spec: RequestSpec;
  readonly numTokens: number;
  readonly pastTokens: number;
}

/**
 * What an instance is given to do during a calibration: requests that come, are computed whole, decode and go, as under
 * any load, and few or many of them at a time, in waves that all instances share. Steps then meet caches, allocators and
 * shapes as they do in a run: a small step among large ones would find nothing of its own in the caches.
 */
export class CalibrationLoad {
  readonly #rng: Rng;
  readonly #nextId: () => RequestId;
  readonly #running: Running[] = [];
  #numSteps = 0;

  constructor(rng: Rng, nextId: () => RequestId) {
    this.#rng = rng;
    this.#nextId = nextId;
  }

  /** Returns the entries of the next step, those of new requests included. Never empty. */
  nextStep(): readonly LoadEntry[] {
    const wave = Math.abs(((this.#numSteps / stepsPerWave) % 1) * 2 - 1);
    const wanted = Math.max(1, Math.round(wave ** 2 * maxRequests));
    this.#numSteps += 1;
    while (this.#running.length < wanted && this.#hasRoom) this.#running.push(this.#newRequest());
    return this.#running.map(({ spec, computedTokens }) => ({
      spec,
      numTokens: computedTokens === 0 ? spec.promptTokens : 1,
      pastTokens: computedTokens,
    }));
  }

  /** Counts the step as done; returns the requests that end with it. */
  endStep(): readonly RequestSpec[] {
    for (const request of this.#running) {
      request.computedTokens += request.computedTokens === 0 ? request.spec.promptTokens : 1;
      request.generatedTokens += 1;
    }
    const ended = this.#running.filter(({ spec, generatedTokens }) => generatedTokens === spec.outputTokens);
    for (const request of ended) this.#running.splice(this.#running.indexOf(request), 1);
    return ended.map(({ spec }) => spec);
  }

  /** Returns the requests that still run. */
  get open(): readonly RequestSpec[] {
    return this.#running.map(({ spec }) => spec);
  }

  get #hasRoom(): boolean {
    const tokens = this.#running.reduce((sum, { spec }) => sum + spec.promptTokens + spec.outputTokens, 0);
    return tokens + maxPromptTokens + maxOutputTokens <= maxContextTokens;
  }

  #newRequest(): Running {
    const outputTokens =
      2 + Math.min(maxOutputTokens - 2, Math.round(this.#rng.exponential() * meanOutputTokens));
    const promptTokens =
      8 + Math.min(maxPromptTokens - 8, Math.round(this.#rng.exponential() * meanPromptTokens));
    const spec: RequestSpec = {
      id: this.#nextId(),
      className: 'calibration',
      promptTokens,
      outputTokens,
      outputLimitTokens: outputTokens,
      arrival: { kind: 'at', timeUs: 0 },
    };
    return { spec, computedTokens: 0, generatedTokens: 0 };
  }
}

/** Returns a source of request ids, 0 and up. */
export function requestIds(): () => RequestId {
  let next = 0;
  return () => asRequestId(next++);
}
