import { z } from 'zod';
import { maxTokens } from '../harness/base/bounds.ts';
import { publishedNames } from './data/published-lengths.ts';

const tokens = z.int().positive().max(maxTokens);
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
const averageTokens = z.number().min(1).max(maxTokens);

export const lognormalSchema = z
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

export const empiricalSchema = z
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

export const deepseekSchema = z
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

export interface QuantilePoints {
  readonly levels: readonly number[];
  readonly tokens: readonly number[];
}

export function quantilePoints(record: Readonly<Record<string, number>>): QuantilePoints {
  const points = Object.entries(record)
    .map(([level, value]) => ({ level: Number(level), value }))
    .toSorted((a, b) => a.level - b.level);
  return { levels: points.map((point) => point.level), tokens: points.map((point) => point.value) };
}

function isLevel(text: string): boolean {
  const level = Number(text);
  return text.trim() !== '' && level >= 0 && level <= 1;
}

function isNonDecreasing(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value >= (values[index - 1] as number));
}
