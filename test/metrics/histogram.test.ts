import { expect, test } from 'vitest';
import { quantileOfSorted, sorted } from '../../harness/base/stats.ts';
import { Histogram } from '../../harness/metrics/histogram.ts';
import { Samples, sortedUnion } from '../../harness/metrics/samples.ts';
import * as fc from '../fast-check.ts';

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

test('quantiles are within 0.4 % of the exact ones', () => {
  const gaps = fc.array(fc.oneof(fc.nat(300), fc.nat(1_000_000), fc.nat(2 ** 31 - 1)), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(gaps, fc.constantFrom(0, 0.01, 0.5, 0.9, 0.99, 1), (values, quantile) => {
      const exact = quantileOfSorted(sorted(values), quantile)!;
      expect(Math.abs(histogramOf(values).quantile(quantile)! - exact)).toBeLessThanOrEqual(
        exact * 0.004 + 1e-9,
      );
    }),
  );
});

test('small values and the maximum are exact', () => {
  const histogram = histogramOf([0, 1, 127, 128, 255, 1_234_567]);
  expect([0, 0.2, 0.4, 0.6, 0.8, 1].map((quantile) => histogram.quantile(quantile))).toEqual([
    0, 1, 127, 128, 255, 1_234_567,
  ]);
  expect(histogram.max).toBe(1_234_567);
});

test('values beyond the range keep their maximum, and nothing is undefined rather than zero', () => {
  expect(histogramOf([5, 2 ** 33]).max).toBe(2 ** 33);
  expect(histogramOf([]).quantile(0.5)).toBeUndefined();
  expect(histogramOf([]).max).toBeUndefined();
});

test('lists of samples come out whole and sorted across chunks', () => {
  const first = new Samples();
  const second = new Samples();
  for (let i = 0; i < 9000; i += 1) (i % 3 === 0 ? first : second).push((i * 7919) % 9000);
  expect(first.length + second.length).toBe(9000);
  expect([...sortedUnion([first, second])]).toEqual(Array.from({ length: 9000 }, (_, i) => i));
  expect(sortedUnion([new Samples()]).length).toBe(0);
});
