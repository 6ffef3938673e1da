import { z } from 'zod';
import { maxItems } from '../harness/base/bounds.ts';
import { lengthsSchema } from './lengths-schema.ts';
import { common, count, nonNegativeS, positiveS, rate, tokens } from './source-parts.ts';
import { traceSchema } from './trace-schema.ts';

/**
 * Coefficient of variation of gaps. The bound is far above any trace (the largest measured is 13); with
 * larger values nearly all drawn gaps are 0.
 */
const cv = z.number().nonnegative().max(100);
/** Shape of Weibull gaps; the coefficient of variation is 1 at shape 1, 2.2 at 0.5 and 15.8 at 0.2. */
const shape = z.number().min(0.2).max(100);

/** Distribution of the gaps between arrivals; their mean is always 1 / rate. */
const gapsSchema = z
  .discriminatedUnion('dist', [
    z.strictObject({ dist: z.literal('poisson') }),
    z.strictObject({ dist: z.literal('gamma'), cv }),
    z.strictObject({ dist: z.literal('weibull'), shape }),
  ])
  .default({ dist: 'poisson' });

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
