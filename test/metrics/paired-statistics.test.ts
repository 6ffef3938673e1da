import { expect, test } from 'vitest';
import { BlockResampler, numBlocks } from '../../harness/metrics/block-bootstrap.ts';
import { studentCdf, studentQuantile } from '../../harness/metrics/distributions.ts';
import {
  differenceEstimate,
  intervalOf,
  type PairedEstimate,
  ratioIntervalOf,
  shareEstimate,
} from '../../harness/metrics/paired-interval.ts';
import * as fc from '../fast-check.ts';

test("Student's quantiles agree with the tables", () => {
  const table = [
    [0.975, 1, 12.7062],
    [0.975, 2, 4.30265],
    [0.975, 3, 3.18245],
    [0.95, 12, 1.78229],
    [0.995, 29, 2.75639],
    [0.025, 5, -2.57058],
    [0.975, 1000, 1.96234],
  ] as const;
  for (const [probability, degrees, value] of table) {
    expect(studentQuantile(probability, degrees)).toBeCloseTo(value, 4);
    expect(studentCdf(value, degrees)).toBeCloseTo(probability, 5);
  }
});

test('a resample has as many items as the run, in a few runs of neighbours', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (length, seed) => {
      const resampler = new BlockResampler(length, seed);
      resampler.next();
      const counts = [...resampler.counts];
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(length);
      const changes = counts.filter((count, i) => count !== counts.at(i - 1)).length;
      expect(changes).toBeLessThanOrEqual(2 * numBlocks);
    }),
  );
});

function draw(seed: number): string[] {
  const resampler = new BlockResampler(100, seed);
  return Array.from({ length: 3 }, () => {
    resampler.next();
    return resampler.counts.join();
  });
}

test('resamples differ from one another and repeat for a seed', () => {
  expect(draw(1)).toEqual(draw(1));
  expect(new Set([...draw(1), ...draw(2)]).size).toBe(6);
});

test('over seeds alone the interval of the difference is that of the paired t test', () => {
  const seeds = [
    { value: 11, baseline: 10 },
    { value: 13, baseline: 10 },
    { value: 12, baseline: 10 },
  ];
  const half = (4.30265 * 1) / Math.sqrt(3);
  const interval = intervalOf(differenceEstimate({ seeds, replicates: [] })!);
  expect(interval.low).toBeCloseTo(2 - half, 4);
  expect(interval.high).toBeCloseTo(2 + half, 4);
});

function ratioInterval(estimate: PairedEstimate) {
  const share = shareEstimate(estimate);
  return share && ratioIntervalOf(share);
}

function same(value: number, baseline: number) {
  return ratioInterval({ seeds: Array.from({ length: 3 }, () => ({ value, baseline })), replicates: [] });
}

test('zero and infinity give ratios, never NaN', () => {
  expect(same(0, 0)).toEqual({ low: 1, high: 1 });
  expect(same(Infinity, Infinity)).toEqual({ low: 1, high: 1 });
  expect(same(0, 5)).toEqual({ low: 0, high: 0 });
  expect(same(Infinity, 5)).toEqual({ low: Infinity, high: Infinity });
  expect(same(5, Infinity)).toEqual({ low: 0, high: 0 });
  expect(ratioInterval({ seeds: [{ value: 1, baseline: 2 }], replicates: [] })).toBeUndefined();
  expect(ratioInterval({ seeds: [], replicates: [] })).toBeUndefined();
});
