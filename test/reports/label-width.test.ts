import { expect, test } from 'vitest';
import { labelPx } from '../../reports/charts/grammar/frame.ts';

test('the longest of a million labels is found', () => {
  const names = Array.from({ length: 1_000_000 }, (_, index) =>
    index === 777_777 ? 'a longer name' : 'name',
  );
  expect(labelPx(names)).toBe(labelPx(['a longer name']));
});

test('no label needs no space, and a label beyond the limit no more than that', () => {
  expect(labelPx([])).toBe(0);
  expect(labelPx(['x'.repeat(1000)])).toBe(150);
});
