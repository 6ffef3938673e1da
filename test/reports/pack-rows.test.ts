import { expect, it } from 'vitest';
import { packRows } from '../../reports/page/pack-rows.ts';

it('writes rows as columns, with texts that repeat once', () => {
  const values = [1, 2, 3, 4].map((s) => ({ s, stack: s < 3 ? 'a' : 'b' }));
  expect(packRows({ layer: [{ data: { values } }] })).toEqual({
    layer: [
      {
        data: {
          values: { packed: ['s', 'stack'], columns: [[1, 2, 3, 4], { of: ['a', 'b'], at: [0, 0, 1, 1] }] },
        },
      },
    ],
  });
});

it('leaves values of an axis and rows of different fields as they are', () => {
  const spec = { axis: { values: [1, 2, 3, 4, 5] }, values: [{ a: 1 }, { a: 2 }, { a: 3 }, { b: 4 }] };
  expect(packRows(spec)).toEqual(spec);
});
