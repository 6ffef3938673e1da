import { expect, test } from 'vitest';
import { decodeMs, prefillMs, type TimingTable } from './timing-table.ts';

const table: TimingTable = {
  prefillTokens: [100, 200, 400],
  prefillMs: [10, 30, 40],
  decodeKvTokens: [0, 1000],
  decodeContextTokens: [10, 110, 210],
  decodeMs: [
    [2, 4, 10],
    [6, 12, 20],
  ],
};

test.each([
  [0, 0],
  [100, 10],
  [150, 20],
  [200, 30],
  [300, 35],
  // Beyond the ends the outer pieces go on; a time is never negative.
  [600, 50],
  [60, 2],
  [20, 0],
])('prefill of %d tokens takes %d ms', (tokens, expected) => {
  expect(prefillMs(table, tokens)).toBeCloseTo(expected, 9);
});

test.each([
  [0, 10, 2],
  [1000, 210, 20],
  [500, 60, 6],
  [250, 160, 9.25],
  [2000, 10, 10],
  [0, 260, 13],
  // Dynamo's shortest decode.
  [0, -90, 1],
])('decode with %d tokens of KV and a mean context of %d takes %d ms', (kv, context, expected) => {
  expect(decodeMs(table, kv, context)).toBeCloseTo(expected, 9);
});
