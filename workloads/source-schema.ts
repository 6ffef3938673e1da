import { z } from 'zod';
import { maxItems, maxSeconds, maxTokens } from '../harness/base/bounds.ts';
import { lengthsSchema } from './lengths.ts';
import { traceFormatNames } from './traces/formats/index.ts';
import { layoutSchema } from './traces/layout.ts';

const count = z.int().positive();
const tokens = count.max(maxTokens);
const rate = z.number().positive().max(1_000_000);
/**
 * Coefficient of variation of gaps. The bound is far above any trace (the largest measured is 13); with
 * larger values nearly all drawn gaps are 0.
 */
const cv = z.number().nonnegative().max(100);
/** Shape of Weibull gaps; the coefficient of variation is 1 at shape 1, 2.2 at 0.5 and 15.8 at 0.2. */
const shape = z.number().min(0.2).max(100);
const positiveS = z.number().positive().max(maxSeconds);
const nonNegativeS = z.number().nonnegative().max(maxSeconds);

/** Distribution of the gaps between arrivals; their mean is always 1 / rate. */
const gapsSchema = z
  .discriminatedUnion('dist', [
    z.strictObject({ dist: z.literal('poisson') }),
    z.strictObject({ dist: z.literal('gamma'), cv }),
    z.strictObject({ dist: z.literal('weibull'), shape }),
  ])
  .default({ dist: 'poisson' });

/** Keys of every source. */
const common = {
  /** Name of the request class. */
  class: z.string().min(1).default('default'),
  /** Virtual time in seconds at which the source begins. */
  startS: nonNegativeS.default(0),
  /** Upper bound on the number of requests that the source plans. */
  numRequests: count.max(maxItems).optional(),
};

/** Keys of sources that end after a number of requests, after a duration, or at whichever comes first. */
const openLoop = {
  ...common,
  durationS: positiveS.optional(),
};

/** Keys of sources with an arrival rate. */
const arrivals = {
  ...openLoop,
  /**
   * Share of the requests by other class, such as `{ high: 0.1 }`. The class is drawn for each request, so
   * that all classes share one arrival process, including its bursts.
   */
  otherClasses: z
    .record(z.string().min(1), z.number().positive().lt(1))
    .refine((shares) => Object.keys(shares).length <= 64, {
      message: 'at most 64 other classes are possible',
    })
    .refine((shares) => sumOf(Object.values(shares)) < 1, { message: 'the shares must leave some to class' })
    .default({}),
};

/** Length keys of the synthetic sources. */
const lengths = {
  promptTokens: lengthsSchema,
  outputTokens: lengthsSchema,
  /** Largest answer length that clients ask for. Default: the longest that `outputTokens` can draw. */
  outputLimitTokens: tokens.optional(),
};

function isBounded(source: { numRequests?: number | undefined; durationS?: number | undefined }): boolean {
  return source.numRequests !== undefined || source.durationS !== undefined;
}
const boundMessage = { message: 'numRequests or durationS is needed, or the source never ends' };

const poissonSchema = z
  .strictObject({ kind: z.literal('poisson'), ...arrivals, rate, ...lengths })
  .refine(isBounded, boundMessage);

const gammaSchema = z
  .strictObject({ kind: z.literal('gamma'), ...arrivals, rate, cv, ...lengths })
  .refine(isBounded, boundMessage);

const weibullSchema = z
  .strictObject({ kind: z.literal('weibull'), ...arrivals, rate, shape, ...lengths })
  .refine(isBounded, boundMessage);

const rampRate = z.number().nonnegative().max(1_000_000);

const rampSchema = z
  .strictObject({
    kind: z.literal('ramp'),
    ...arrivals,
    /** Arrivals a second at the start and, from `rampS` on, at the end; in between the rate changes linearly. */
    fromRate: rampRate,
    toRate: rampRate,
    rampS: positiveS,
    gaps: gapsSchema,
    ...lengths,
  })
  .refine(({ fromRate, toRate }) => fromRate + toRate > 0, {
    path: ['toRate'],
    message: 'fromRate and toRate cannot both be 0',
  })
  .refine(({ toRate, ...source }) => toRate === 0 || isBounded(source), boundMessage);

const factor = z.number().positive().max(1_000_000);

/**
 * Periods in which the rate is `factor` times the base rate. All times count from the start of the source.
 */
const burstsSchema = z.discriminatedUnion('pattern', [
  z
    .strictObject({
      pattern: z.literal('periodic'),
      factor,
      durationS: positiveS,
      /** Time from the start of one burst to the start of the next. */
      everyS: positiveS,
      /** Start of the first burst. Default: after one calm period. */
      firstS: nonNegativeS.optional(),
    })
    .refine((bursts) => bursts.everyS > bursts.durationS, { message: 'everyS must be above durationS' }),
  z
    .strictObject({
      pattern: z.literal('at'),
      factor,
      durationS: positiveS,
      startsS: z.array(nonNegativeS).min(1).max(100_000),
    })
    .refine((bursts) => areApart(bursts.startsS, bursts.durationS), {
      message: 'startsS must rise, each by at least durationS',
    }),
  z.strictObject({
    pattern: z.literal('markov'),
    factor,
    /** Mean durations of the burst state and of the calm state, both exponential; the process starts calm. */
    meanBurstS: positiveS,
    meanCalmS: positiveS,
  }),
]);

const burstSchema = z
  .strictObject({
    kind: z.literal('burst'),
    ...arrivals,
    baseRate: rate,
    bursts: burstsSchema,
    gaps: gapsSchema,
    ...lengths,
  })
  .refine(isBounded, boundMessage);

const followUpsSchema = z.strictObject({
  /** Probability, after each turn, that another turn follows. */
  probability: z.number().min(0).max(1),
  /** Largest number of turns of a conversation, including the first. */
  maxTurns: z.int().min(2).max(10_000).default(10),
  /** Mean of the exponential pause between an answer and the next question, in seconds. */
  thinkS: nonNegativeS.default(0),
  /** Length of the new text of a follow-up, which comes after the earlier prompt and answer. */
  promptTokens: lengthsSchema,
  /** Upper bound on prompt plus answer limit: a conversation ends before a turn that would exceed it. */
  maxContextTokens: tokens.optional(),
});

const branchesSchema = z
  .strictObject({
    /** Number of parallel answers to the same question. */
    count: z.int().min(2).max(10_000),
    /** Number of answers after which the client cancels the rest. Default: all. */
    needed: count.optional(),
  })
  .refine((branches) => (branches.needed ?? 1) <= branches.count, {
    message: 'needed must not be above count',
  });

const chainOfThoughtSchema = z
  .strictObject({
    kind: z.literal('chain-of-thought'),
    ...openLoop,
    /** Questions per second; branches and follow-up turns are additional. */
    rate,
    gaps: gapsSchema,
    promptTokens: lengthsSchema.default({ dist: 'deepseek-r1', hours: 'all', scale: 1, max: 2048 }),
    outputTokens: lengthsSchema.default({ dist: 'deepseek-r1', hours: 'all', scale: 1 }),
    outputLimitTokens: tokens.optional(),
    followUps: followUpsSchema.optional(),
    branches: branchesSchema.optional(),
  })
  .refine(isBounded, boundMessage)
  .refine((source) => source.followUps === undefined || source.branches === undefined, {
    message: 'followUps and branches exclude each other: write two sources',
  });

const closedLoopSchema = z.strictObject({
  kind: z.literal('closed-loop'),
  ...common,
  /**
   * Requests of all clients together. It is required because the arrival rate depends on the system, so no
   * duration can bound the plan.
   */
  numRequests: count.max(maxItems),
  clients: count.max(maxItems),
  /** Mean of the exponential pause between an answer and the client's next request, in seconds. */
  thinkS: nonNegativeS.default(0),
  /** Time in seconds over which the clients' first requests are evenly spread. */
  rampS: nonNegativeS.default(0),
  ...lengths,
});

const lengthFactor = z.number().positive().max(1000);

const windowSchema = z
  .strictObject({
    /** Start of the window in seconds after the earliest row; it becomes the start of the source. */
    startS: nonNegativeS.default(0),
    endS: positiveS.optional(),
    durationS: positiveS.optional(),
  })
  .refine((window) => window.endS === undefined || window.durationS === undefined, {
    message: 'endS and durationS exclude each other',
  })
  .refine((window) => window.endS === undefined || window.endS > window.startS, {
    message: 'endS must be above startS',
  });

const scalar = z.union([z.string(), z.number(), z.boolean()]);

const traceSchema = z
  .strictObject({
    kind: z.literal('trace'),
    ...common,
    /** Path of the file, relative to the configuration file. */
    path: z.string().min(1),
    /**
     * SHA-256 of the file in hexadecimal digits; a file with another one is refused. A run notes it when it first reads
     * the trace, so that all of its cells replay the same rows.
     */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, { error: 'expected 64 hexadecimal digits' })
      .optional(),
    format: z.union([z.enum(traceFormatNames), layoutSchema]),
    /** Rows to use, by what they have in other columns, such as `{ Model: GPT-4 }`; several values are alternatives. */
    where: z.record(z.string().min(1), z.union([scalar, z.array(scalar).min(1)])).optional(),
    /** Part of the trace to use, in the trace's own time. */
    window: windowSchema.optional(),
    /**
     * Factor on the rate by TraceUpscaler's rule: every arrival is repeated ceil(scaleRate) times, and each
     * copy is kept with probability scaleRate / ceil(scaleRate). Copies arrive at the same instant unless
     * `jitterS` spreads them.
     */
    scaleRate: z.number().positive().max(1000).default(1),
    /**
     * Arrivals a second, as a Poisson process in the order of the rows, in place of the trace's own times: for files that
     * have none (ShareGPT, batches), which otherwise arrive at once.
     */
    rate: rate.optional(),
    /** Divisor of all times: 10 replays ten seconds of the trace in one, at ten times the rate. */
    compressTime: z.number().min(1e-6).max(1e6).default(1),
    /**
     * Delays each arrival by a uniform draw from [0, jitterS), in the trace's time. The resolution of the
     * trace's clock is a sensible value.
     */
    jitterS: nonNegativeS.default(0),
    lengthScale: z
      .strictObject({ prompt: lengthFactor.default(1), output: lengthFactor.default(1) })
      .default({ prompt: 1, output: 1 }),
    /** Distributions drawn from in place of the trace's own lengths. */
    promptTokens: lengthsSchema.optional(),
    outputTokens: lengthsSchema.optional(),
    maxPromptTokens: tokens.optional(),
    maxOutputTokens: tokens.optional(),
    /** Upper bound on prompt plus answer; with `cut`, the prompt is shortened. */
    maxTotalTokens: z.int().min(2).max(maxTokens).optional(),
    /** Whether requests above a maximum are cut to it or dropped. Both are counted. */
    overlong: z.enum(['cut', 'drop']).default('cut'),
    /** Largest answer length that clients ask for. Default: the longest answer that is replayed. */
    outputLimitTokens: tokens.optional(),
  })
  .refine(
    ({ rate: newRate, scaleRate, compressTime, jitterS }) =>
      newRate === undefined || (scaleRate === 1 && compressTime === 1 && jitterS === 0),
    {
      path: ['rate'],
      message: 'takes the place of all times: scaleRate, compressTime and jitterS do not go with it',
    },
  );

/** One source of requests; a workload merges any number of sources by arrival time. */
export const workloadSourceSchema = z.discriminatedUnion('kind', [
  burstSchema,
  chainOfThoughtSchema,
  closedLoopSchema,
  gammaSchema,
  poissonSchema,
  rampSchema,
  traceSchema,
  weibullSchema,
]);

export type WorkloadSource = z.output<typeof workloadSourceSchema>;
export type SourceOf<Kind extends WorkloadSource['kind']> = Extract<WorkloadSource, { kind: Kind }>;
export type Bursts = SourceOf<'burst'>['bursts'];

function sumOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function areApart(starts: readonly number[], durationS: number): boolean {
  return starts.every((start, index) => index === 0 || start >= (starts[index - 1] as number) + durationS);
}
