import { InputError } from '../../harness/base/errors.ts';
import type { Rng } from '../../harness/base/rng.ts';
import { createLengthSampler, type Lengths } from '../lengths.ts';

/** What a source is planned with. */
export interface PlanContext {
  /** `workload.<index>`, for messages. */
  readonly path: string;
  /** Folder that files are relative to. */
  readonly baseDir: string;
  /** Random stream of this source's own for one purpose: another draw elsewhere never shifts it. */
  stream(what: string): Rng;
}

interface Bounds {
  readonly numRequests?: number | undefined;
  readonly durationS?: number | undefined;
}

/** Times in seconds up to the source's bounds, of which at least one is set. */
export function* bounded(times: Iterable<number>, bounds: Bounds): Generator<number> {
  const { numRequests = Infinity, durationS = Infinity } = bounds;
  let planned = 0;
  for (const timeS of times) {
    if (planned >= numRequests || timeS >= durationS) return;
    yield timeS;
    planned += 1;
  }
}

/** Beyond this the plan itself would fill the memory. */
const maxRequests = 20_000_000;

/** Refuses a source that would plan too much, before it does. `rate` is its mean number of requests a second. */
export function checkPlanSize(rate: number, bounds: Bounds, context: PlanContext): void {
  const { numRequests = Infinity, durationS = Infinity } = bounds;
  const expected = Math.min(numRequests, rate * durationS);
  if (expected <= maxRequests) return;
  throw new InputError({
    source: 'configuration',
    path: context.path,
    message: `the source would plan ${expected.toPrecision(3)} requests; ${maxRequests} are possible`,
    hint: 'lower the rate, durationS or numRequests',
  });
}

export interface RequestSampler {
  readonly outputLimitTokens: number;
  prompt(): number;
  /** Never above the limit: the client's own maximum ends the answer. */
  output(): number;
}

export interface RequestLengths {
  readonly promptTokens: Lengths;
  readonly outputTokens: Lengths;
  readonly outputLimitTokens?: number | undefined;
}

/** Prompts and answers come from streams of their own, so that they are independent of each other. */
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
