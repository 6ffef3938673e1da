import { z } from 'zod';
import { lengthsSchema } from './lengths-schema.ts';
import { common, nonNegativeS, positiveS, rate, tokens } from './source-parts.ts';
import { traceFormatNames } from './traces/formats/index.ts';
import { layoutSchema } from './traces/layout.ts';
import { maxTokens } from '../harness/base/bounds.ts';

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

/** Rows of a file. */
export const traceSchema = z
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
