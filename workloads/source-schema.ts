import { z } from 'zod';
import { lengthsSchema } from './lengths.ts';
import { traceFormatNames } from './traces/formats/index.ts';
import { layoutSchema } from './traces/layout.ts';

const count = z.int().positive();
const rate = z.number().positive().max(1_000_000);
/** Far beyond any trace (13 is the largest measured); gamma draws of a larger one are practically all zero. */
const cv = z.number().nonnegative().max(100);
const positiveS = z.number().positive();
const nonNegativeS = z.number().nonnegative();

/** Gaps between arrivals; their mean is always 1 / rate. */
const gapsSchema = z
  .discriminatedUnion('dist', [
    z.strictObject({ dist: z.literal('poisson') }),
    z.strictObject({ dist: z.literal('gamma'), cv }),
  ])
  .default({ dist: 'poisson' });

/** What every source has. */
const common = {
  /** Name of the request class. */
  class: z.string().min(1).default('default'),
  /** Virtual time at which the source begins. */
  startS: nonNegativeS.default(0),
  /** The most requests that the source plans. */
  numRequests: count.optional(),
};

/** Sources that end at a number of requests, after a duration, or at whichever comes first. */
const openLoop = {
  ...common,
  durationS: positiveS.optional(),
};

/** Arrivals at a rate of their own. */
const arrivals = {
  ...openLoop,
  /**
   * Shares of the requests that are of other classes: `{ high: 0.1 }`. Each request draws its class, so that all classes
   * share one arrival process, bursts included.
   */
  otherClasses: z
    .record(z.string().min(1), z.number().positive().lt(1))
    .refine((shares) => sumOf(Object.values(shares)) < 1, { message: 'the shares must leave some to class' })
    .default({}),
};

/** Lengths of the synthetic sources. */
const lengths = {
  promptTokens: lengthsSchema,
  outputTokens: lengthsSchema,
  /** The answer length that clients ask for at most; by default the longest that `outputTokens` can draw. */
  outputLimitTokens: count.optional(),
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

const factor = z.number().positive();

/** When the rate is `factor` times the base rate; all times count from the start of the source. */
const burstsSchema = z.discriminatedUnion('pattern', [
  z
    .strictObject({
      pattern: z.literal('periodic'),
      factor,
      durationS: positiveS,
      /** From the beginning of one burst to the beginning of the next. */
      everyS: positiveS,
      /** Beginning of the first burst; by default one calm stretch after the start. */
      firstS: nonNegativeS.optional(),
    })
    .refine((bursts) => bursts.everyS > bursts.durationS, { message: 'everyS must be above durationS' }),
  z
    .strictObject({
      pattern: z.literal('at'),
      factor,
      durationS: positiveS,
      startsS: z.array(nonNegativeS).min(1),
    })
    .refine((bursts) => areApart(bursts.startsS, bursts.durationS), {
      message: 'startsS must rise, each by at least durationS',
    }),
  z.strictObject({
    pattern: z.literal('markov'),
    factor,
    /** Mean stay in the burst state and in the calm state (both exponential); the process begins calm. */
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
  /** Chance that another turn follows, after each turn. */
  probability: z.number().min(0).max(1),
  /** Turns of a conversation at most, the first included. */
  maxTurns: z.int().min(2).default(10),
  /** Mean of the exponential pause between an answer and the next question. */
  thinkS: nonNegativeS.default(0),
  /** New text of a follow-up; the earlier prompt and answer come before it. */
  promptTokens: lengthsSchema,
  /** A conversation ends before prompt plus answer limit would be longer than this. */
  maxContextTokens: count.optional(),
});

const branchesSchema = z
  .strictObject({
    /** Answers asked for in parallel to the same question. */
    count: z.int().min(2),
    /** The client cancels the rest when so many have been answered; by default it waits for all. */
    needed: count.optional(),
  })
  .refine((branches) => (branches.needed ?? 1) <= branches.count, {
    message: 'needed must not be above count',
  });

const chainOfThoughtSchema = z
  .strictObject({
    kind: z.literal('chain-of-thought'),
    ...openLoop,
    /** Questions a second; branches and follow-up turns come on top. */
    rate,
    gaps: gapsSchema,
    promptTokens: lengthsSchema.default({ dist: 'deepseek-r1', hours: 'all', scale: 1, max: 2048 }),
    outputTokens: lengthsSchema.default({ dist: 'deepseek-r1', hours: 'all', scale: 1 }),
    outputLimitTokens: count.optional(),
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
  /** All clients together; there is no other end, because the rate is the system's own. */
  numRequests: count,
  clients: count,
  /** Mean of the exponential pause between an answer and the client's next request. */
  thinkS: nonNegativeS.default(0),
  /** The clients begin evenly spread over this time. */
  rampS: nonNegativeS.default(0),
  ...lengths,
});

const windowSchema = z
  .strictObject({
    /** Counted from the earliest row; becomes the source's own beginning. */
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

const traceSchema = z.strictObject({
  kind: z.literal('trace'),
  ...common,
  /** Relative to the configuration file. */
  path: z.string().min(1),
  format: z.union([z.enum(traceFormatNames), layoutSchema]),
  /** Rows of the trace that are used, in the trace's own time. */
  window: windowSchema.optional(),
  /**
   * TraceUpscaler's rule: every arrival is repeated ceil(scaleRate) times and each copy is kept with probability
   * scaleRate / ceil(scaleRate). Copies arrive at the same instant unless `jitterS` spreads them.
   */
  scaleRate: z.number().positive().max(1000).default(1),
  /** Divides all times: 10 replays ten seconds of the trace in one, at ten times the rate. */
  compressTime: z.number().positive().default(1),
  /** Moves each arrival by a uniform draw from [0, jitterS), in the trace's time: the step of its clock. */
  jitterS: nonNegativeS.default(0),
  lengthScale: z
    .strictObject({ prompt: z.number().positive().default(1), output: z.number().positive().default(1) })
    .default({ prompt: 1, output: 1 }),
  /** Drawn in place of the trace's own lengths. */
  promptTokens: lengthsSchema.optional(),
  outputTokens: lengthsSchema.optional(),
  maxPromptTokens: count.optional(),
  maxOutputTokens: count.optional(),
  /** Prompt and answer together; under `cut` the prompt gives way. */
  maxTotalTokens: z.int().min(2).optional(),
  /** Requests above a maximum are cut to it, or left out; either way they are counted. */
  overlong: z.enum(['cut', 'drop']).default('cut'),
  /** The answer length that clients ask for at most; by default the longest answer that is replayed. */
  outputLimitTokens: count.optional(),
});

/** Where requests come from; a workload merges any number of sources by arrival time. */
export const workloadSourceSchema = z.discriminatedUnion('kind', [
  burstSchema,
  chainOfThoughtSchema,
  closedLoopSchema,
  gammaSchema,
  poissonSchema,
  traceSchema,
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
