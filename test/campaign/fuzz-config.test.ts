import { expect, it } from 'vitest';
import { fuzzConfigs } from './fuzz-config.ts';

it('mutated configurations run or are refused with a place', { timeout: 120_000 }, async () => {
  const options = { seed: 1, tries: 40, seconds: 90 };
  const first = await fuzzConfigs(options);
  expect(first.wrong).toEqual([]);
  expect(first.tries).toBe(40);
  expect(first.counts.ran).toBeGreaterThan(0);
  expect(first.counts.refused).toBeGreaterThan(0);
});
