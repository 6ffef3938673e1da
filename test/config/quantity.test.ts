import { expect, it } from 'vitest';
import { parseQuantity } from '../../harness/config/quantity.ts';

it.each([
  ['80GiB', 80 * 2 ** 30],
  ['24 MiB', 24 * 2 ** 20],
  ['1.5 kB', 1500],
  ['512 B', 512],
  ['2e3 MB', 2e9],
  ['80 Gigs', undefined],
  ['80', undefined],
  ['-1 GiB', undefined],
  ['1 GB/s', undefined],
])('%s is %s bytes', (text, bytes) => {
  expect(parseQuantity(text, 'bytes')).toBe(bytes);
});

it.each([
  ['25 GB/s', 25e9],
  ['200 Gbps', 25e9],
  ['8 Mbit/s', 1e6],
  ['1 GiB/s', 2 ** 30],
  ['25 GB', undefined],
])('%s is %s bytes per second', (text, rate) => {
  expect(parseQuantity(text, 'bytesPerSecond')).toBe(rate);
});

it.each([
  ['312 TFLOP/s', 312e12],
  ['1.5 PFLOPS', 1.5e15],
  ['312 TF', undefined],
])('%s is %s operations per second', (text, rate) => {
  expect(parseQuantity(text, 'flopsPerSecond')).toBe(rate);
});
