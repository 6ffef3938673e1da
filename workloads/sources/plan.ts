import { maxItems, maxSeconds } from '../../harness/base/bounds.ts';
import { InputError } from '../../harness/base/errors.ts';
import type { Rng } from '../../harness/base/rng.ts';
import { createLengthSampler } from '../lengths.ts';
import type { Lengths } from '../lengths-schema.ts';

/** Everything that planning a source needs besides its configuration. */
export interface PlanContext {
  /** `workload.<index>`, for messages. */
  readonly path: string;
  /** Folder to which file paths are relative. */
  readonly baseDir: string;
  /** Returns the random stream of this source for one purpose. Draws from other streams never shift it. */
  stream(what: string): Rng;
}

interface Bounds {
  readonly numRequests?: number | undefined;
  readonly durationS?: number | undefined;
}

/** Ends the times, in seconds, at the source's bounds, at least one of which is set. */
export function* bounded(times: Iterable<number>, bounds: Bounds): Generator<number> {
  const { numRequests = Infinity, durationS = maxSeconds } = bounds;
  let planned = 0;
  for (const timeS of times) {
    if (planned >= numRequests || timeS >= durationS) return;
    yield timeS;
    planned += 1;
  }
}

/**
 * Throws `InputError` before planning if the source would plan too many requests. `rate` is its mean number
 * of requests per second.
 */
export function checkPlanSize(rate: number, bounds: Bounds, context: PlanContext): void {
  const { numRequests = Infinity, durationS = Infinity } = bounds;
  checkCount(Math.min(numRequests, rate * durationS), {
    path: context.path,
    what: 'the source would plan {} requests',
    hint: 'lower the rate, durationS or numRequests',
  });
}

/** Throws `InputError` if there would be more than `maxItems` of something; `{}` in `what` stands for the number. */
export function checkCount(
  count: number,
  { path, what, hint }: { readonly path: string; readonly what: string; readonly hint: string },
): void {
  if (count <= maxItems) return;
  const message = `${what.replace('{}', count.toPrecision(3))}; ${maxItems} are possible`;
  throw new InputError({ source: 'configuration', path, message, hint });
}

export interface RequestSampler {
  readonly outputLimitTokens: number;
  prompt(): number;
  /** Draws an answer length, cut to the limit, because the client's maximum ends the answer. */
  output(): number;
}

export interface RequestLengths {
  readonly promptTokens: Lengths;
  readonly outputTokens: Lengths;
  readonly outputLimitTokens?: number | undefined;
}

/**
 * Creates a sampler whose prompts and answers use separate streams, so that they are independent of each
 * other.
 */
export function createRequestSampler(source: RequestLengths, context: PlanContext): RequestSampler {
  const prompts = createLengthSampler(source.promptTokens, 'promptTokens');
  const outputs = createLengthSampler(source.outputTokens, 'outputTokens');
  const promptRng = context.stream('prompt');
  const outputRng = context.stream('output');
  const outputLimitTokens = source.outputLimitTokens ?? outputs.maxTokens;
  return {
    outputLimitTokens,
    prompt: () => prompts.sample(promptRng),
    output: () => Math.min(outputLimitTokens, outputs.sample(outputRng)),
  };
}
