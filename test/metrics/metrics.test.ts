import { expect, test } from 'vitest';
import { parseThreshold } from '../../harness/config/index.ts';
import { checkMetrics } from '../../harness/metrics/declarations/checks.ts';
import { instanceMetrics } from '../../harness/metrics/declarations/instances.ts';
import { interruptionMetrics } from '../../harness/metrics/declarations/interruptions.ts';
import { latencyMetrics } from '../../harness/metrics/declarations/latencies.ts';
import { memoryMetrics } from '../../harness/metrics/declarations/memory.ts';
import { requestMetrics } from '../../harness/metrics/declarations/requests.ts';
import { useMetrics } from '../../harness/metrics/declarations/use.ts';
import { classMetricKeys, metricKeys, metricOf } from '../../harness/metrics/metrics.ts';
import { cellSummarySchema } from '../../harness/metrics/results.ts';
import { CellRecorder } from '../../harness/metrics/recorder.ts';
import { nullSinks } from '../../harness/metrics/sinks.ts';
import { interactive } from './records.ts';

test('every declared metric is in the registry, and no key is declared twice', () => {
  const declared = [
    requestMetrics,
    latencyMetrics,
    instanceMetrics,
    interruptionMetrics,
    useMetrics,
    memoryMetrics,
    checkMetrics,
  ].flatMap((metrics) => Object.keys(metrics));
  expect(metricKeys).toEqual(declared);
  expect(new Set(declared).size).toBe(declared.length);
});

test('a run in which nothing happened gives each metric a number, or null where it says when it is undefined', () => {
  const recorder = new CellRecorder({ classes: [interactive], openSink: nullSinks });
  const totals = { id: 'a', policy: 'a', seed: 1, endedAtUs: 0, instanceUs: 0, verifiedTokens: null };
  const summary = cellSummarySchema.parse(recorder.finish({ ...totals, policyStats: {} }));
  for (const key of metricKeys) {
    const isDefined = summary[key] !== null;
    expect([key, isDefined]).toEqual([key, metricOf(key).undefinedWhen === undefined]);
  }
});

test('thresholds take the name of every metric', () => {
  const names = { stacks: ['a'], classes: ['chat'] };
  for (const key of metricKeys) expect(parseThreshold(`a.${key} < 1`, names)).toMatchObject({ ok: true });
  for (const key of classMetricKeys) {
    expect(parseThreshold(`a[chat].${key} < 1`, names)).toMatchObject({ ok: true });
  }
});

test('labels are distinct and formulas are sentences', () => {
  const labels = metricKeys.map((key) => metricOf(key).label);
  expect(new Set(labels).size).toBe(labels.length);
  for (const key of metricKeys) expect(metricOf(key).formula).toMatch(/^[A-Z(].*\.$/);
});
