import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { must } from '../harness/base/assert.ts';
import { maxTokens as mostTokens } from '../harness/base/bounds.ts';
import type { Rng } from '../harness/base/rng.ts';
import { publishedLengths } from './data/published-lengths.ts';
import {
  type deepseekSchema,
  type empiricalSchema,
  type Lengths,
  type lognormalSchema,
  type QuantilePoints,
  quantilePoints,
} from './lengths-schema.ts';

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
