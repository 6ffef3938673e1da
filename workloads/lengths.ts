import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { must } from '../harness/base/assert.ts';
import { maxTokens as mostTokens } from '../harness/base/bounds.ts';
import type { Rng } from '../harness/base/rng.ts';
import { publishedLengths, publishedNames } from './data/published-lengths.ts';

const tokens = z.int().positive().max(mostTokens);
const clamp = { min: tokens.optional(), max: tokens.optional() };

function isOrdered(range: { min?: number | undefined; max?: number | undefined }): boolean {
  return range.min === undefined || range.max === undefined || range.min <= range.max;
}
const orderMessage = 'min must not be above max';

const constantSchema = z.strictObject({ dist: z.literal('constant'), tokens });

const uniformSchema = z
  .strictObject({ dist: z.literal('uniform'), min: tokens, max: tokens })
  .refine(isOrdered, { message: orderMessage });

/** A length is a token at least, so is its average; below that nothing but ones would be drawn. */
const averageTokens = z.number().min(1).max(mostTokens);

const lognormalSchema = z
  .strictObject({
    dist: z.literal('lognormal'),
    mean: averageTokens.optional(),
    median: averageTokens.optional(),
    /** Standard deviation of the logarithm of the length. */
    sigma: z.number().nonnegative().max(10).optional(),
    /**
     * Coefficient of variation of the lengths themselves, before clamping: standard deviation divided by
     * mean.
     */
    cv: z.number().nonnegative().max(1000).optional(),
    ...clamp,
  })
  .refine((spec) => (spec.mean === undefined) !== (spec.median === undefined), {
    message: 'a lognormal length needs exactly one of mean and median',
  })
  .refine((spec) => (spec.sigma === undefined) !== (spec.cv === undefined), {
    message: 'a lognormal length needs exactly one of sigma and cv',
  })
  .refine(isOrdered, { message: orderMessage });

const weight = z.number().nonnegative().max(1e15);

const empiricalSchema = z
  .strictObject({
    dist: z.literal('empirical'),
    /** Lengths in tokens, each drawn with equal probability. */
    values: z.array(tokens).min(1).optional(),
    /**
     * Weight by length in tokens, such as `{ 45: 0.0097, 46: 0.011 }`: the histograms of ServeGen's data sets. Weights
     * need not sum to 1.
     */
    weights: z
      .record(z.string().regex(/^[1-9]\d{0,8}$/, { error: 'a length is a whole number of tokens' }), weight)
      .refine((record) => Object.values(record).some((value) => value > 0), {
        message: 'some weight must be above 0',
      })
      .optional(),
    /**
     * Length in tokens by level (0 to 1), such as `{ 0.5: 74, 0.99: 3388 }`. Constant below the first level
     * and above the last.
     */
    quantiles: z
      .record(z.string(), tokens)
      .refine((record) => Object.keys(record).length >= 2, { message: 'at least two quantiles are needed' })
      .refine((record) => Object.keys(record).every(isLevel), { message: 'levels must lie between 0 and 1' })
      .refine((record) => isNonDecreasing(quantilePoints(record).tokens), {
        message: 'tokens must not fall from one level to the next',
      })
      .optional(),
    /**
     * Interpolation between two quantiles: linear in tokens, or in their logarithm, which suits long tails.
     */
    between: z.enum(['linear', 'log']).default('linear'),
    ...clamp,
  })
  .refine(({ values, weights, quantiles }) => [values, weights, quantiles].filter(Boolean).length === 1, {
    message: 'an empirical length needs exactly one of values, weights and quantiles',
  })
  .refine(isOrdered, { message: orderMessage });

const publishedSchema = z
  .strictObject({
    dist: z.literal('published'),
    /** Name of a published distribution; `data/published-lengths.ts` has the sources. */
    name: z.enum(publishedNames),
    ...clamp,
  })
  .refine(isOrdered, { message: orderMessage });

const deepseekSchema = z
  .strictObject({
    dist: z.literal('deepseek-r1'),
    /** Hours of the day to draw from; answers in the morning are four times longer than in the evening. */
    hours: z.enum(['all', '00-06', '06-12', '12-18', '18-24']).default('all'),
    /** Factor on every length, for models with a short context. */
    scale: z.number().positive().max(1000).default(1),
    ...clamp,
  })
  .refine(isOrdered, { message: orderMessage });

/** Distribution of prompt or answer lengths in tokens. `min` and `max` clamp the drawn values. */
export const lengthsSchema = z.discriminatedUnion('dist', [
  constantSchema,
  uniformSchema,
  lognormalSchema,
  empiricalSchema,
  publishedSchema,
  deepseekSchema,
]);

export type Lengths = z.output<typeof lengthsSchema>;

export interface LengthSampler {
  /** Upper bound of all samples. */
  readonly maxTokens: number;
  /** Draws a length: a whole number of tokens, at least 1. */
  sample(rng: Rng): number;
}

/**
 * Creates the sampler of a distribution. `part` chooses between prompts and answers in the measured
 * distributions, which have both.
 */
export function createLengthSampler(spec: Lengths, part: 'promptTokens' | 'outputTokens'): LengthSampler {
  switch (spec.dist) {
    case 'constant':
      return { maxTokens: spec.tokens, sample: () => spec.tokens };
    case 'uniform':
      return {
        maxTokens: spec.max,
        sample: (rng) => spec.min + rng.integer(spec.max - spec.min + 1),
      };
    case 'lognormal':
      return lognormalSampler(spec);
    case 'empirical':
      return empiricalSampler(spec);
    case 'published':
      return empiricalSampler({ ...spec, dist: 'empirical', ...publishedLengths[spec.name][part] });
    case 'deepseek-r1':
      return deepseekSampler(spec, part);
  }
}

/**
 * Standard normal quantile at level 0.999. A lognormal distribution without `max` is cut there, so that it
 * has a longest length.
 */
const normalQuantile999 = 3.0902;

function lognormalSampler(spec: z.output<typeof lognormalSchema>): LengthSampler {
  const sigma = spec.sigma ?? Math.sqrt(Math.log1p(must(spec.cv, 'cv') ** 2));
  const mu =
    spec.median === undefined ? Math.log(must(spec.mean, 'mean')) - sigma ** 2 / 2 : Math.log(spec.median);
  const min = spec.min ?? 1;
  const quantile = Math.min(mostTokens, Math.ceil(Math.exp(mu + normalQuantile999 * sigma)));
  const max = spec.max ?? Math.max(min, quantile);
  return clamped((rng) => Math.exp(mu + sigma * rng.normal()), min, max);
}

function empiricalSampler(spec: z.output<typeof empiricalSchema>): LengthSampler {
  if (spec.values !== undefined) {
    const { values } = spec;
    const longest = values.reduce((a, b) => Math.max(a, b));
    return clamped((rng) => values[rng.integer(values.length)] as number, spec.min, spec.max ?? longest);
  }
  if (spec.weights !== undefined) return weightedSampler(spec.weights, spec);
  const points = quantilePoints(must(spec.quantiles, 'quantiles'));
  return quantileSampler(points, spec);
}

/** Draws a length with a probability in proportion to its weight. */
function weightedSampler(weights: Readonly<Record<string, number>>, { min, max }: Clamp): LengthSampler {
  // Keys that are whole numbers come in their order.
  const lengths = Object.keys(weights).map(Number);
  let total = 0;
  const upTo = Object.values(weights).map((value) => (total += value));
  const drawable = lengths.filter((_, index) => must(upTo[index], 'sum') > (upTo[index - 1] ?? 0));
  const longest = must(drawable.at(-1), 'length of a weight above 0');
  const draw = (rng: Rng): number => {
    const drawn = rng.uniform() * total;
    return lengths[firstAbove(upTo, drawn)] ?? longest;
  };
  return clamped(draw, min, max ?? longest);
}

function deepseekSampler(
  spec: z.output<typeof deepseekSchema>,
  part: 'promptTokens' | 'outputTokens',
): LengthSampler {
  const measured = loadDeepseekLengths().hours[spec.hours]?.[part];
  const scaled = must(measured, `deepseek-r1 ${spec.hours}`).map((value) => value * spec.scale);
  const levels = scaled.map((_, index) => index / (scaled.length - 1));
  return quantileSampler({ levels, tokens: scaled }, spec);
}

interface QuantilePoints {
  readonly levels: readonly number[];
  readonly tokens: readonly number[];
}

interface Clamp {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/** Samples by inverse transform from a quantile function that is linear or exponential between its points. */
function quantileSampler(
  { levels, tokens: values }: QuantilePoints,
  { between = 'linear', min, max }: Clamp & { readonly between?: 'linear' | 'log' },
): LengthSampler {
  const longest = Math.max(1, Math.round(must(values.at(-1), 'last quantile')));
  const inLog = { levels, tokens: values.map(Math.log) };
  const draw =
    between === 'linear'
      ? (rng: Rng) => interpolate({ levels, tokens: values }, rng.uniform())
      : (rng: Rng) => Math.exp(interpolate(inLog, rng.uniform()));
  return clamped(draw, min, max ?? longest);
}

function interpolate({ levels, tokens: values }: QuantilePoints, level: number): number {
  const low = firstAbove(levels, level);
  if (low === 0) return values[0] as number;
  if (low === levels.length) return values[levels.length - 1] as number;
  const fromLevel = levels[low - 1] as number;
  const share = (level - fromLevel) / ((levels[low] as number) - fromLevel);
  const from = values[low - 1] as number;
  return from + ((values[low] as number) - from) * share;
}

/** Returns the index of the first of the ascending values that is above `value`; their number where none is. */
function firstAbove(values: readonly number[], value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rounds and clamps the drawn lengths. If `min` exceeds the upper bound of the distribution, `min` wins. */
function clamped(draw: (rng: Rng) => number, min = 1, max = Infinity): LengthSampler {
  const maxTokens = Math.max(min, max);
  return {
    maxTokens,
    sample: (rng) => Math.min(maxTokens, Math.max(min, Math.round(draw(rng)))),
  };
}

function isLevel(text: string): boolean {
  const level = Number(text);
  return text.trim() !== '' && level >= 0 && level <= 1;
}

function quantilePoints(record: Readonly<Record<string, number>>): QuantilePoints {
  const points = Object.entries(record)
    .map(([level, value]) => ({ level: Number(level), value }))
    .toSorted((a, b) => a.level - b.level);
  return { levels: points.map((point) => point.level), tokens: points.map((point) => point.value) };
}

function isNonDecreasing(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value >= (values[index - 1] as number));
}

const deepseekFileSchema = z.object({
  hours: z.record(
    z.string(),
    z.object({ promptTokens: z.array(z.number()), outputTokens: z.array(z.number()) }),
  ),
});

let deepseekLengths: z.output<typeof deepseekFileSchema> | undefined;

function loadDeepseekLengths(): z.output<typeof deepseekFileSchema> {
  const file = new URL('./data/deepseek-r1-lengths.json', import.meta.url);
  deepseekLengths ??= deepseekFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return deepseekLengths;
}
