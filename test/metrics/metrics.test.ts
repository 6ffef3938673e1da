import { expect, test } from 'vitest';
import { metricKeys, metricOf } from '../../harness/metrics/metrics.ts';
import { cellSummarySchema } from '../../harness/metrics/results.ts';

const identity = ['id', 'policy', 'seed', 'classes', 'policy_stats'];

test('every number of a cell summary is declared, and nothing else', () => {
  const keys = Object.keys(cellSummarySchema.shape).filter((key) => !identity.includes(key));
  expect([...metricKeys].toSorted()).toEqual(keys.toSorted());
});

test('a metric says when it is undefined exactly where the schema allows null', () => {
  for (const key of metricKeys) {
    const isNullable = cellSummarySchema.shape[key].safeParse(null).success;
    expect([key, metricOf(key).undefinedWhen !== undefined]).toEqual([key, isNullable]);
  }
});

test('labels are distinct and formulas are sentences', () => {
  const labels = metricKeys.map((key) => metricOf(key).label);
  expect(new Set(labels).size).toBe(labels.length);
  for (const key of metricKeys) expect(metricOf(key).formula).toMatch(/^[A-Z(].*\.$/);
});
