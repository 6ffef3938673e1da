import { blockSizeTokens } from '../../../harness/conformance/tiny-hardware.ts';
import { createRng } from '../../../harness/base/rng.ts';
import { asRequestId } from '../../../harness/domain/ids.ts';
import type { RequestSpec } from '../../../harness/domain/workload.ts';
import type { TimingTable } from './timing-table.ts';

/** What both simulators are given besides requests, memory and step times. */
export const engine = { blockSizeTokens, maxRunning: 256, maxBatchTokens: 2048 } as const;

/** Requests of one kind: Poisson arrivals, log-normal lengths. */
interface Load {
  readonly name: string;
  readonly requestsPerInstance: number;
  /** Requests a second and instance. */
  readonly rate: number;
  readonly prompt: Lengths;
  readonly answer: Lengths;
}

/** Tokens. `sigma` is the standard deviation of the logarithm. */
interface Lengths {
  readonly median: number;
  readonly sigma: number;
  readonly min: number;
  readonly max: number;
}

export interface ReplayCase {
  readonly name: string;
  readonly load: Load;
  readonly numInstances: number;
  /** KV blocks of each instance. */
  readonly numBlocks: number;
}

/** Short prompts, long answers: nearly all time goes into decoding. */
const memoryBound: Load = {
  name: 'memory-bound',
  requestsPerInstance: 2000,
  rate: 8,
  prompt: { median: 160, sigma: 0.8, min: 8, max: 2000 },
  answer: { median: 300, sigma: 0.7, min: 8, max: 2000 },
};

/** Long prompts, many longer than a step, and short answers: most time goes into prefill. */
const computeBound: Load = {
  name: 'compute-bound',
  requestsPerInstance: 2000,
  rate: 4,
  prompt: { median: 2200, sigma: 0.8, min: 64, max: 12_000 },
  answer: { median: 24, sigma: 0.6, min: 4, max: 400 },
};

/** Memory is more than is ever needed, or so little that queues grow and requests are preempted. */
export const replayCases: readonly ReplayCase[] = [
  ...casesOf(memoryBound, { ample: 20_000, short: 1400 }),
  ...casesOf(computeBound, { ample: 20_000, short: 1000 }),
];

/** A short replay under pressure, whose times at Dynamo are kept for a test that needs no Dynamo (recorded.test.ts). */
export const recordedCase: ReplayCase = {
  name: 'recorded',
  load: {
    name: 'recorded',
    requestsPerInstance: 100,
    rate: 5,
    prompt: { median: 1200, sigma: 1, min: 8, max: 9000 },
    answer: { median: 160, sigma: 0.8, min: 4, max: 600 },
  },
  numInstances: 2,
  numBlocks: 640,
};

function casesOf(load: Load, blocks: { readonly ample: number; readonly short: number }): ReplayCase[] {
  return [1, 4].flatMap((numInstances) =>
    (['ample', 'short'] as const).map((memory) => ({
      name: `${load.name}, ${numInstances === 1 ? '1 instance' : `${numInstances} instances`}, memory ${memory}`,
      load,
      numInstances,
      numBlocks: blocks[memory],
    })),
  );
}

/**
 * The requests of a case; they do not depend on its memory. The first arrives at 0, which is what Dynamo makes of a trace,
 * and all in whole milliseconds, no two at once: the order in which they take their turns is then beyond doubt.
 */
export function requestsOf({ load, numInstances }: ReplayCase, seed: number): RequestSpec[] {
  const rng = createRng(seed, `${load.name}/${numInstances}`);
  const draw = ({ median, sigma, min, max }: Lengths): number =>
    Math.min(max, Math.max(min, Math.round(median * Math.exp(sigma * rng.normal()))));
  let timeMs = 0;
  let arrivalMs = -1;
  return Array.from({ length: load.requestsPerInstance * numInstances }, (_, id) => {
    if (id > 0) timeMs += (1000 * rng.exponential()) / (load.rate * numInstances);
    arrivalMs = Math.max(arrivalMs + 1, Math.round(timeMs));
    const outputTokens = draw(load.answer);
    return {
      id: asRequestId(id),
      className: 'default',
      promptTokens: draw(load.prompt),
      outputTokens,
      outputLimitTokens: outputTokens,
      arrival: { kind: 'at', timeUs: 1000 * arrivalMs },
    };
  });
}

/**
 * Step times of no device in particular, of the size of an 8B model's on a large GPU and bent where tables are: about
 * 60 us for each prompt token; a decode takes 12 ms, 0.125 us more for each token of KV, 20 us more for each request.
 */
export const timingTable: TimingTable = {
  prefillTokens: [0, 256, 1024, 2048, 16_384],
  prefillMs: [4, 16, 62, 124, 1000],
  ...decodeGrid([0, 4000, 16_000, 64_000, 256_000], [16, 128, 512, 2000, 8000, 32_000]),
};

function decodeGrid(
  decodeKvTokens: readonly number[],
  decodeContextTokens: readonly number[],
): Pick<TimingTable, 'decodeKvTokens' | 'decodeContextTokens' | 'decodeMs'> {
  const decodeMs = decodeKvTokens.map((kvTokens) =>
    decodeContextTokens.map((contextTokens) => {
      const numRequests = Math.min(engine.maxRunning, kvTokens / contextTokens);
      return 12 + kvTokens * 0.000125 + numRequests * 0.02;
    }),
  );
  return { decodeKvTokens, decodeContextTokens, decodeMs };
}
