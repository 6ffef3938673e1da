import { describe, expect, test } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import { comparedMetrics, compareStacks } from '../../harness/metrics/compare.ts';
import type { ComparedCell } from '../../harness/metrics/paired-run.ts';
import type { Comparison } from '../../harness/metrics/results.ts';
import * as fc from '../fast-check.ts';
import { cellOf, pairedQueues, recordedCell, rejected, rowsOf } from './compared-cells.ts';

// A minute for the slowest machine; a second or two on an idle one.
const patience = 60_000;
const seeds = [1, 2, 3];
const queueMetrics = [
  'p50_ttft_ms',
  'p99_ttft_ms',
  'p999_ttft_ms',
  'mean_ttft_ms',
  'mean_e2el_ms',
  'slo_attainment',
];

function queueCells(trial: number, slowdown: number): ComparedCell[] {
  const rng = createRng(trial, 'test/compare');
  return seeds.flatMap((seed) => {
    const [baseline, policy] = pairedQueues(rng, 200, slowdown);
    return [cellOf('base', seed, rowsOf(baseline)), cellOf('other', seed, rowsOf(policy))];
  });
}

function verdicts(numTrials: number, slowdown: number): Comparison[] {
  return Array.from({ length: numTrials }, (_, trial) => compareStacks(queueCells(trial, slowdown), 'base'))
    .flat()
    .filter(({ metric }) => queueMetrics.includes(metric));
}

function shareOf(comparisons: readonly Comparison[], verdict: Comparison['verdict']): number {
  return comparisons.filter((comparison) => comparison.verdict === verdict).length / comparisons.length;
}

function ofMetric(comparisons: readonly Comparison[], metric: string): Comparison {
  return comparisons.find((comparison) => comparison.metric === metric)!;
}

describe('calibration on queues that remember', () => {
  test(
    'between policies that are the same in law, at least nine verdicts in ten are "cannot tell"',
    () => {
      const comparisons = verdicts(80, 1);
      for (const metric of queueMetrics) {
        const share = shareOf(
          comparisons.filter((comparison) => comparison.metric === metric),
          'cannot tell',
        );
        expect([metric, share >= 0.9]).toEqual([metric, true]);
      }
    },
    patience,
  );

  test(
    'service slower by a third is told nearly always, and never as better',
    () => {
      const comparisons = verdicts(20, 4 / 3).filter(({ metric }) => metric !== 'slo_attainment');
      expect(shareOf(comparisons, 'worse')).toBeGreaterThan(0.8);
      expect(shareOf(comparisons, 'better')).toBe(0);
    },
    patience,
  );
});

const steady = rowsOf(Array.from({ length: 60 }, (_, i) => 1 + (i % 7) / 10));
const faster = rowsOf(Array.from({ length: 60 }, (_, i) => 0.5 + (i % 7) / 20));

function compare(policyRows: typeof steady, baselineRows = steady): Comparison[] {
  return compareStacks(
    seeds.flatMap((seed) => [cellOf('base', seed, baselineRows), cellOf('other', seed, policyRows)]),
    'base',
  );
}

describe('what counts', () => {
  test('what is compared under a name is what the summaries call by it', () => {
    const ttftUs = fc.integer({ min: 1, max: 10_000_000 });
    const request = fc.tuple(ttftUs, fc.integer({ min: 2, max: 300 }));
    const requests = fc.array(request, { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(requests, requests, (baseline, policy) => {
        const cells = [recordedCell('base', baseline), recordedCell('other', policy)];
        const compared = new Map(compareStacks(cells, 'base').map(({ metric, ...pair }) => [metric, pair]));
        expect([...compared.keys()]).toEqual(comparedMetrics);
        for (const metric of comparedMetrics) {
          const [baselineValue, value] = cells.map(({ summary }) => summary[metric]!);
          expect(compared.get(metric)?.value, metric).toBeCloseTo(value!, 6);
          expect(compared.get(metric)?.baseline_value, metric).toBeCloseTo(baselineValue!, 6);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('a policy against its own copy is a tie with a ratio of exactly 1', () => {
    for (const comparison of compare(steady)) {
      expect(comparison.verdict).toBe('cannot tell');
      if (comparison.ratio !== null) {
        expect([comparison.ratio, comparison.ratio_low, comparison.ratio_high]).toEqual([1, 1, 1]);
      }
    }
  });

  test('the ratio lies in its interval and swapping the roles swaps the verdict', () => {
    const there = ofMetric(compare(faster), 'p50_ttft_ms');
    const back = ofMetric(compare(steady, faster), 'p50_ttft_ms');
    expect(there.verdict).toBe('better');
    expect(back.verdict).toBe('worse');
    expect(there.ratio).toBeCloseTo(0.5, 5);
    expect(there.ratio_low!).toBeLessThanOrEqual(there.ratio!);
    expect(there.ratio_high!).toBeGreaterThanOrEqual(there.ratio!);
    expect(back.ratio_high!).toBeCloseTo(1 / there.ratio_low!, 5);
  });

  test('refusing one request in ten cannot win, however fast the rest is', () => {
    const comparisons = compare(faster.map((row, i) => (i % 10 === 3 ? rejected(row) : row)));
    expect(ofMetric(comparisons, 'p50_ttft_ms').verdict).toBe('better');
    expect(ofMetric(comparisons, 'p99_ttft_ms')).toMatchObject({
      value: null,
      ratio: null,
      verdict: 'worse',
    });
    expect(ofMetric(comparisons, 'mean_ttft_ms')).toMatchObject({ value: null, verdict: 'worse' });
    expect(ofMetric(comparisons, 'slo_attainment')).toMatchObject({ value: 0.9, verdict: 'worse' });
  });

  test('a request that never arrived at one policy was never answered there', () => {
    const comparisons = compare(steady.filter((row) => row.id % 10 !== 3));
    expect(ofMetric(comparisons, 'p99_ttft_ms')).toMatchObject({ value: null, verdict: 'worse' });
    expect(ofMetric(comparisons, 'slo_attainment').value).toBe(0.9);
  });

  test('requests that the client cancelled change nothing', () => {
    const aborted = steady.map((row, i) =>
      i % 10 === 3 ? { ...rejected(row), status: 'aborted' as const, first_token_at_us: 1e9 } : row,
    );
    const kept = steady.filter((_, i) => i % 10 !== 3);
    expect(ofMetric(compare(aborted, aborted), 'mean_ttft_ms').value).toBe(
      ofMetric(compare(kept, kept), 'mean_ttft_ms').value,
    );
    expect(ofMetric(compare(aborted), 'slo_attainment').value).toBe(1);
  });

  test('a one-token answer has no TPOT and is not infinitely slow', () => {
    const short = steady.map((row, i) => (i % 2 === 0 ? { ...row, generated_tokens: 1 } : row));
    expect(ofMetric(compare(short), 'p99_tpot_ms').value).toBeCloseTo(20, 6);
    const allShort = steady.map((row) => ({ ...row, generated_tokens: 1 }));
    expect(ofMetric(compare(allShort), 'p99_tpot_ms')).toMatchObject({ value: null, verdict: 'cannot tell' });
  });
});

function compareSeconds(policy: readonly number[], baseline: readonly number[]): Comparison {
  const cells = policy.flatMap((seconds, seed) => [
    cellOf('base', seed, steady, { instanceSeconds: baseline[seed]! }),
    cellOf('other', seed, steady, { instanceSeconds: seconds }),
  ]);
  return ofMetric(compareStacks(cells, 'base'), 'instance_seconds');
}

describe('metrics with one number a seed', () => {
  test('seeds that agree decide, seeds that disagree do not, one seed never does', () => {
    expect(compareSeconds([70, 72, 69], [100, 101, 99])).toMatchObject({ verdict: 'better' });
    expect(compareSeconds([70, 130, 101], [100, 101, 99])).toMatchObject({ verdict: 'cannot tell' });
    expect(compareSeconds([70], [100])).toMatchObject({
      ratio: 0.7,
      ratio_low: null,
      verdict: 'cannot tell',
    });
  });

  test('against a baseline of zero there is a difference instead of a ratio', () => {
    const cells = seeds.flatMap((seed) => [
      cellOf('base', seed, steady, { preemptions: 0 }),
      cellOf('other', seed, steady, { preemptions: 10 + seed }),
    ]);
    const comparison = ofMetric(compareStacks(cells, 'base'), 'preemption_count');
    expect(comparison).toMatchObject({
      value: 12,
      baseline_value: 0,
      ratio: null,
      difference: 12,
      verdict: 'worse',
    });
    expect(comparison.difference_low!).toBeLessThan(12);
    expect(comparison.difference_high!).toBeGreaterThan(12);
  });
});

describe('the matrix', () => {
  test('uses the seeds that both finished and skips policies without any', () => {
    const cells = [
      cellOf('base', 1, steady),
      cellOf('base', 2, faster),
      cellOf('other', 1, steady),
      cellOf('other', 3, faster),
      cellOf('lonely', 9, steady),
    ];
    const comparisons = compareStacks(cells, 'base');
    expect(new Set(comparisons.map(({ policy }) => policy))).toEqual(new Set(['other']));
    expect(ofMetric(comparisons, 'p50_ttft_ms').baseline_value).toBeCloseTo(1300, 6);
    expect(compareStacks(cells, 'failed')).toEqual([]);
  });

  test('gives the same bytes twice, whatever else was compared', () => {
    const cells = queueCells(5, 1.1);
    const alone = JSON.stringify(compareStacks(cells, 'base'));
    const more = [...cells, ...seeds.map((seed) => cellOf('third', seed, faster))];
    const among = compareStacks(more, 'base').filter(({ policy }) => policy === 'other');
    expect(JSON.stringify(among)).toBe(alone);
  });
});
