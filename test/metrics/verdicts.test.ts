import { expect, test } from 'vitest';
import { compareStacks } from '../../harness/metrics/compare.ts';
import { holmRejects } from '../../harness/metrics/holm.ts';
import { intervalOf, shareEstimate, tiePValue } from '../../harness/metrics/paired-interval.ts';
import type { ComparedCell } from '../../harness/metrics/paired-run.ts';
import * as fc from '../fast-check.ts';
import { cellOf, rowsOf } from './compared-cells.ts';

test("Holm's procedure steps down until a p-value is too large", () => {
  // As in Holm's own rule: 0.01 <= 0.05 / 4, 0.015 <= 0.05 / 3, 0.03 > 0.05 / 2.
  expect(holmRejects([0.03, 0.01, 0.04, 0.015], 0.05)).toEqual([false, true, false, true]);
  expect(holmRejects([0.03, 0.02, 0.01], 0.05)).toEqual([true, true, true]);
  expect(holmRejects([undefined, 0.04], 0.05)).toEqual([false, true]);
  expect(holmRejects([], 0.05)).toEqual([]);
});

test('of a single hypothesis it asks what the 95 % interval says', () => {
  const pair = fc.record({
    value: fc.integer({ min: 1, max: 99 }),
    baseline: fc.integer({ min: 1, max: 99 }),
  });
  fc.assert(
    fc.property(fc.array(pair, { minLength: 2, maxLength: 6 }), (seeds) => {
      const share = shareEstimate({ seeds, replicates: [] })!;
      const { low, high } = intervalOf(share);
      fc.pre(Math.min(Math.abs(low - 0.5), Math.abs(high - 0.5)) > 1e-6);
      expect(holmRejects([tiePValue(share)], 0.05)).toEqual([low > 0.5 || high < 0.5]);
    }),
  );
});

const rows = rowsOf([1, 2, 3]);

function secondsOf(cells: readonly ComparedCell[]) {
  return compareStacks(cells, 'base').find(({ metric }) => metric === 'instance_seconds');
}

test('among many policies a small difference needs more than its own interval', () => {
  const cells = [75, 87, 80].flatMap((seconds, seed) => [
    cellOf('base', seed, rows, { instanceSeconds: [100, 101, 99][seed]! }),
    cellOf('other', seed, rows, { instanceSeconds: seconds }),
    ...['a', 'b', 'c'].map((name) => cellOf(name, seed, rows, { instanceSeconds: 99 + ((seed + 1) % 3) })),
  ]);
  const alone = cells.filter(({ summary: { policy } }) => policy === 'base' || policy === 'other');
  const [own, among] = [alone, cells].map(secondsOf);
  expect(own).toMatchObject({ policy: 'other', verdict: 'better' });
  expect(among).toEqual({ ...own, verdict: 'cannot tell' });
});
