import { describe, expect, it } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import { createLengthSampler } from '../../workloads/lengths.ts';
import { lengthsSchema } from '../../workloads/lengths-schema.ts';
import { cvOf, meanOf } from './helpers.ts';

function draw(
  spec: unknown,
  part: 'promptTokens' | 'outputTokens' = 'outputTokens',
  count = 20_000,
): number[] {
  const sampler = createLengthSampler(lengthsSchema.parse(spec), part);
  const rng = createRng(7, 'lengths');
  const values = Array.from({ length: count }, () => sampler.sample(rng));
  expect(Math.max(...values)).toBeLessThanOrEqual(sampler.maxTokens);
  expect(values.every((value) => Number.isInteger(value) && value >= 1)).toBe(true);
  return values;
}

function quantile(values: readonly number[], level: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(level * values.length)]!;
}

describe('lengths', () => {
  it('draws a constant', () => {
    expect(new Set(draw({ dist: 'constant', tokens: 42 }))).toEqual(new Set([42]));
  });

  it('draws both ends of a uniform range, with its mean', () => {
    const values = draw({ dist: 'uniform', min: 10, max: 20 });
    expect(Math.min(...values)).toBe(10);
    expect(Math.max(...values)).toBe(20);
    expect(meanOf(values)).toBeCloseTo(15, 0);
  });

  it('gives a lognormal its mean and cv', () => {
    const values = draw({ dist: 'lognormal', mean: 500, cv: 1, max: 100_000 });
    expect(meanOf(values) / 500).toBeCloseTo(1, 1);
    expect(cvOf(values)).toBeGreaterThan(0.9);
    expect(cvOf(values)).toBeLessThan(1.1);
  });

  it('gives a lognormal its median and sigma, and cuts it at its 99.9 % quantile', () => {
    const spec = { dist: 'lognormal', median: 200, sigma: 0.8 };
    const values = draw(spec);
    expect(quantile(values, 0.5) / 200).toBeCloseTo(1, 1);
    expect(quantile(values, 0.84) / quantile(values, 0.5)).toBeCloseTo(Math.exp(0.8), 0);
    const { maxTokens } = createLengthSampler(lengthsSchema.parse(spec), 'outputTokens');
    expect(maxTokens).toBe(Math.ceil(200 * Math.exp(0.8 * 3.0902)));
  });

  it('clamps to min and max', () => {
    const values = draw({ dist: 'lognormal', median: 100, sigma: 2, min: 50, max: 150 });
    expect(Math.min(...values)).toBe(50);
    expect(Math.max(...values)).toBe(150);
  });

  it('draws empirical values alike', () => {
    const values = draw({ dist: 'empirical', values: [3, 9, 27] });
    for (const value of [3, 9, 27]) {
      expect(values.filter((other) => other === value).length / values.length).toBeCloseTo(1 / 3, 1);
    }
  });

  it('meets the quantiles that it is given', () => {
    const values = draw({ dist: 'empirical', quantiles: { 0.5: 74, 0: 4, 0.8: 348, 0.95: 1484, 1: 4096 } });
    expect(quantile(values, 0.5) / 74).toBeCloseTo(1, 1);
    expect(quantile(values, 0.8) / 348).toBeCloseTo(1, 1);
    expect(Math.abs(quantile(values, 0.95) / 1484 - 1)).toBeLessThan(0.1);
  });

  it('interpolates in the logarithm where asked to', () => {
    const values = draw({ dist: 'empirical', quantiles: { 0: 10, 1: 1000 }, between: 'log' });
    expect(quantile(values, 0.5) / 100).toBeCloseTo(1, 1);
    expect(meanOf(values) / (990 / Math.log(100))).toBeCloseTo(1, 1);
    expect(Math.min(...values)).toBe(10);
    expect(Math.max(...values)).toBeGreaterThan(990);
  });

  it.each([
    ['llumnix-sharegpt', 'promptTokens', 306, [74, 348, 1484, 3388]],
    ['llumnix-sharegpt', 'outputTokens', 500, [487, 781, 988, 1234]],
    ['llumnix-burstgpt', 'promptTokens', 830, [582, 1427, 2345, 3549]],
    ['llumnix-burstgpt', 'outputTokens', 271, [243, 434, 669, 964]],
    ['llumnix-short', 'promptTokens', 128, [38, 113, 413, 1464]],
    ['llumnix-medium', 'outputTokens', 256, [32, 173, 1288, 4208]],
    ['llumnix-long', 'promptTokens', 512, [55, 582, 3113, 5166]],
  ] as const)('gives %s %s their printed mean and percentiles', (name, part, mean, percentiles) => {
    const values = draw({ dist: 'published', name }, part, 100_000);
    expect(Math.abs(meanOf(values) / mean - 1)).toBeLessThan(0.03);
    [0.5, 0.8, 0.95, 0.99].forEach((level, index) => {
      expect(Math.abs(quantile(values, level) / percentiles[index]! - 1)).toBeLessThan(0.04);
    });
  });

  it('meets the published moments of deepseek-r1 answers', () => {
    const values = draw({ dist: 'deepseek-r1' }, 'outputTokens', 50_000);
    expect(meanOf(values) / 1527).toBeGreaterThan(0.95);
    expect(meanOf(values) / 1527).toBeLessThan(1.07);
    expect(quantile(values, 0.5) / 792).toBeCloseTo(1, 1);
    expect(quantile(values, 0.99) / 12_607).toBeCloseTo(1, 1);
    expect(values.filter((value) => value > 4000).length / values.length).toBeCloseTo(0.08, 1);
  });

  it('tells deepseek-r1 prompts from answers, and mornings from evenings', () => {
    expect(quantile(draw({ dist: 'deepseek-r1' }, 'promptTokens'), 0.5) / 208).toBeCloseTo(1, 1);
    const morning = meanOf(draw({ dist: 'deepseek-r1', hours: '06-12' }));
    const evening = meanOf(draw({ dist: 'deepseek-r1', hours: '18-24' }));
    expect(morning / evening).toBeGreaterThan(3);
  });

  it('scales deepseek-r1 for short contexts', () => {
    const sampler = createLengthSampler(
      lengthsSchema.parse({ dist: 'deepseek-r1', scale: 0.01 }),
      'outputTokens',
    );
    expect(sampler.maxTokens).toBe(328);
  });

  it.each([
    [{ dist: 'lognormal', mean: 5, median: 5, sigma: 1 }, 'mean and median'],
    [{ dist: 'lognormal', mean: 5 }, 'sigma and cv'],
    [{ dist: 'uniform', min: 5, max: 4 }, 'min must not be above max'],
    [{ dist: 'empirical' }, 'values, weights and quantiles'],
    [{ dist: 'empirical', quantiles: { 0: 5, 1: 4 } }, 'must not fall'],
    [{ dist: 'empirical', quantiles: { 0: 5, 1.5: 9 } }, 'between 0 and 1'],
    [{ dist: 'empirical', quantiles: { 0: 5, 1: 9 }, between: 'cubic' }, 'between'],
    [{ dist: 'constant', tokens: 0 }, '>0'],
    [{ dist: 'constant', tokens: 1.5 }, 'int'],
    [{ dist: 'constant', tokens: 1, extra: 1 }, 'extra'],
  ])('refuses %j', (spec, message) => {
    const result = lengthsSchema.safeParse(spec);
    expect(result.success).toBe(false);
    expect(result.error?.message).toContain(message);
  });
});
