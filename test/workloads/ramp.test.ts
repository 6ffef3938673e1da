import { describe, expect, it } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import { arrivalTimes, createGapSampler, gammaFunction } from '../../workloads/arrival-process.ts';
import { createLengthSampler } from '../../workloads/lengths.ts';
import { lengthsSchema } from '../../workloads/lengths-schema.ts';
import { workloadSourceSchema } from '../../workloads/index.ts';
import { arrivalsS, build, constantLengths, cvOf, gapsOf, meanOf } from './helpers.ts';

async function timesOf(source: object): Promise<number[]> {
  const { workload } = await build([{ ...constantLengths, ...source }]);
  return arrivalsS(workload);
}

const between = (times: readonly number[], startS: number, endS: number) =>
  times.filter((timeS) => timeS >= startS && timeS < endS).length;

describe('ramp', () => {
  it('metronome gaps come where the integral of the rate says', () => {
    const gaps = { dist: 'gamma', cv: 0 } as const;
    const segments = [
      { untilS: 10, rate: 0, endRate: 10 },
      { untilS: 12, rate: 10 },
    ];
    const times = [...arrivalTimes(gaps, segments, createRng(1, 'ramp'))];
    // The integral of t from 0 to x is x^2 / 2, so the k-th arrival comes at sqrt(2 k).
    times.slice(0, 50).forEach((timeS, index) => expect(timeS).toBeCloseTo(Math.sqrt(2 * (index + 1)), 9));
    expect(Math.abs(times.length - 70)).toBeLessThanOrEqual(1);
    expect(times[50]).toBeCloseTo(10.1, 9);
  });

  it.each([
    [10, 110],
    [110, 10],
  ])('from %d to %d requests a second, then steady', async (fromRate, toRate) => {
    const times = await timesOf({ kind: 'ramp', fromRate, toRate, rampS: 20, durationS: 40 });
    expect(between(times, 0, 20) / 20 / 60).toBeCloseTo(1, 1);
    expect(between(times, 0, 2) / 2 / (fromRate + (toRate - fromRate) / 20)).toBeCloseTo(1, 0);
    expect(between(times, 20, 40) / 20 / toRate).toBeCloseTo(1, 1);
  });

  it('down to nothing ends the source, without a bound of its own', async () => {
    const times = await timesOf({ kind: 'ramp', fromRate: 100, toRate: 0, rampS: 10 });
    expect(times.at(-1)).toBeLessThan(10);
    expect(times.length / 500).toBeCloseTo(1, 0);
  });

  it('keeps the coefficient of variation of its gaps at every rate', async () => {
    const gaps = { dist: 'weibull', shape: 0.5 };
    const times = await timesOf({ kind: 'ramp', fromRate: 50, toRate: 51, rampS: 400, durationS: 400, gaps });
    expect(cvOf(gapsOf(times)) / Math.sqrt(5)).toBeCloseTo(1, 0);
  });

  it('is refused without an end, and between two zeros', () => {
    const source = { kind: 'ramp', fromRate: 1, toRate: 2, rampS: 3, ...constantLengths };
    expect(workloadSourceSchema.safeParse(source).error?.message).toContain('never ends');
    const still = { ...source, fromRate: 0, toRate: 0 };
    expect(workloadSourceSchema.safeParse(still).error?.message).toContain('cannot both be 0');
  });

  it('counts what it would plan before it plans it', async () => {
    const source = { kind: 'ramp', fromRate: 1e6, toRate: 0, rampS: 1000 };
    await expect(timesOf(source)).rejects.toThrow('the source would plan 5.00e+8 requests');
  });
});

describe('Weibull gaps', () => {
  it.each([
    [0.5, Math.sqrt(5)],
    [1, 1],
    [2, Math.sqrt(4 / Math.PI - 1)],
  ])('of shape %d have mean 1 and the coefficient of variation %d', (shape, cv) => {
    const draw = createGapSampler({ dist: 'weibull', shape }, createRng(1, 'gaps'));
    const gaps = Array.from({ length: 200_000 }, draw);
    expect(meanOf(gaps)).toBeCloseTo(1, 1);
    expect(cvOf(gaps) / cv).toBeCloseTo(1, 1);
  });

  it('make a source of their own', async () => {
    const times = await timesOf({ kind: 'weibull', rate: 20, shape: 0.7, durationS: 100 });
    expect(times.length / 2000).toBeCloseTo(1, 0);
  });

  it.each([
    [1, 1],
    [6, 120],
    [1.5, Math.sqrt(Math.PI) / 2],
  ])('the gamma function of %d', (x, expected) => {
    expect(gammaFunction(x) / expected).toBeCloseTo(1, 12);
  });
});

describe('weighted lengths', () => {
  it('come in proportion to their weights', () => {
    const spec = lengthsSchema.parse({ dist: 'empirical', weights: { 100: 3, 7: 1, 9: 0, 500: 0 } });
    const sampler = createLengthSampler(spec, 'promptTokens');
    expect(sampler.maxTokens).toBe(100);
    const rng = createRng(1, 'lengths');
    const drawn = Array.from({ length: 20_000 }, () => sampler.sample(rng));
    expect(new Set(drawn)).toEqual(new Set([7, 100]));
    expect(drawn.filter((length) => length === 100).length / drawn.length).toBeCloseTo(0.75, 1);
  });

  it.each([
    [{ weights: { 0: 1 } }, 'a length is a whole number of tokens'],
    [{ weights: { 5: 0 } }, 'some weight must be above 0'],
    [{ weights: { 5: -1 } }, '>=0'],
    [{ weights: { 5: 1 }, values: [1] }, 'exactly one of values, weights and quantiles'],
  ])('%j is refused', (spec, message) => {
    const { error } = lengthsSchema.safeParse({ dist: 'empirical', ...spec });
    expect(error?.message).toContain(message);
  });
});
