import { expect, test } from 'vitest';
import { BlockResampler, numBlocks } from '../../harness/metrics/block-bootstrap.ts';
import { studentCdf, studentQuantile } from '../../harness/metrics/distributions.ts';
import { holmRejects } from '../../harness/metrics/holm.ts';
import {
  differenceEstimate,
  intervalOf,
  type PairedEstimate,
  ratioIntervalOf,
  shareEstimate,
  tiePValue,
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

test("Holm's procedure steps down until a p-value is too large", () => {
  // As in Holm's own rule: 0.01 <= 0.05 / 4, 0.015 <= 0.05 / 3, 0.03 > 0.05 / 2.
  expect(holmRejects([0.03, 0.01, 0.04, 0.015], 0.05)).toEqual([false, true, false, true]);
  expect(holmRejects([0.03, 0.02, 0.01], 0.05)).toEqual([true, true, true]);
  expect(holmRejects([undefined, 0.04], 0.05)).toEqual([false, true]);
  expect(holmRejects([], 0.05)).toEqual([]);
});

test('of a single hypothesis it asks what the 95 % interval says', () => {
  const pair = fc.record({ value: fc.integer({ min: 1, max: 99 }), baseline: fc.integer({ min: 1, max: 99 }) });
  fc.assert(
    fc.property(fc.array(pair, { minLength: 2, maxLength: 6 }), (seeds) => {
      const share = shareEstimate({ seeds, replicates: [] })!;
      const { low, high } = intervalOf(share);
      fc.pre(Math.min(Math.abs(low - 0.5), Math.abs(high - 0.5)) > 1e-6);
      expect(holmRejects([tiePValue(share)], 0.05)).toEqual([low > 0.5 || high < 0.5]);
    }),
  );
});
