import { describe, expect, test } from 'vitest';
import { createRng } from '../../harness/base/rng.ts';
import {
  comparedValue,
  comparedValues,
  comparedValuesSchema,
} from '../../harness/metrics/compared-values.ts';
import { comparedMetrics } from '../../harness/metrics/compare.ts';
import { correctionWeight } from '../../harness/metrics/simulator-error.ts';
import { must } from '../../harness/base/assert.ts';
import { RequestOutcomes } from '../../harness/metrics/outcomes.ts';
import type { ComparedCell } from '../../harness/metrics/paired-run.ts';
import { type Comparison, comparisonSchema } from '../../harness/metrics/results.ts';
import { compareTwoFidelity, type TwoFidelityInput } from '../../harness/metrics/two-fidelity.ts';
import { cellOf, classes, recordedCell, rejected, rowsOf } from './compared-cells.ts';

const numRequests = 40;
const furtherSeeds = Array.from({ length: 30 }, (_, k) => 1000 + k);

/** How many times as slow each stack is as the seed's requests ask for; `base` is the baseline. */
type Slowness = Readonly<Record<string, number>>;

/** A cell whose requests are drawn from the seed, so many times as slow. */
function cell(policy: string, seed: number, slowness: number): ComparedCell {
  const rng = createRng(seed, 'test/two-fidelity');
  const seedSlowness = Math.exp(0.2 * rng.normal());
  const requests = Array.from({ length: numRequests }, () => {
    const ttftUs = Math.round(100_000 * slowness * seedSlowness * (1 + rng.exponential()));
    return [ttftUs, 10] as const;
  });
  const { summary, outcomes } = recordedCell(policy, requests);
  return { summary: { ...summary, seed }, outcomes };
}

function inputOf(about: {
  real: Slowness;
  simulated: Slowness;
  seeds?: readonly number[];
}): TwoFidelityInput {
  const { real, simulated, seeds = [1] } = about;
  const cells = (slowness: Slowness, some: readonly number[]) =>
    some.flatMap((seed) => Object.entries(slowness).map(([policy, slow]) => cell(policy, seed, slow)));
  return {
    measured: cells(real, seeds),
    twins: cells(simulated, seeds),
    simulated: cells(simulated, furtherSeeds).map(comparedValues),
  };
}

function on(input: TwoFidelityInput, metric: string, policy = 'fast'): Comparison {
  const comparisons = compareTwoFidelity(input, 'base');
  return comparisons.find((one) => one.metric === metric && one.policy === policy)!;
}

const simulated = { base: 1, fast: 0.6, same: 1, slow: 1.5, other: 1.1, last: 0.9 };
/** Each stack is off by a percent or two, as noise has it. */
const nearly = { base: 1.01, fast: 0.606, same: 0.99, slow: 1.51, other: 1.12, last: 0.895 };

describe('one measured seed', () => {
  test('is enough where the simulator is nearly right', () => {
    const input = inputOf({ real: nearly, simulated });
    expect(on(input, 'p50_ttft_ms')).toMatchObject({
      verdict: 'better',
      num_measured_seeds: 1,
      num_simulated_seeds: 31,
    });
    expect(on(input, 'p50_ttft_ms').ratio).toBeCloseTo(0.6, 1);
    expect(on(input, 'p50_ttft_ms', 'slow').verdict).toBe('worse');
    expect(on(input, 'p50_ttft_ms', 'same').verdict).toBe('cannot tell');
  });

  test('corrects a simulator that is wrong about every stack alike', () => {
    const twice = Object.fromEntries(Object.entries(nearly).map(([name, slow]) => [name, 2 * slow]));
    const comparison = on(inputOf({ real: twice, simulated }), 'p50_ttft_ms');
    expect(comparison.verdict).toBe('better');
    expect(comparison.value).toBeCloseTo(2 * comparison.simulated_value!, -2);
  });

  test('tells nothing where the simulator is wrong about each stack in its own way', () => {
    const real = { base: 1, fast: 0.6, same: 1.9, slow: 0.7, other: 2.2, last: 0.4 };
    const comparisons = compareTwoFidelity(inputOf({ real, simulated }), 'base');
    const verdicts = comparisons
      .filter(({ metric }) => metric === 'p50_ttft_ms')
      .map(({ verdict }) => verdict);
    expect(new Set(verdicts)).toEqual(new Set(['cannot tell']));
  });

  test('and two stacks decide only what measurement and simulator both say', () => {
    const agreed = { base: 1.005, fast: 0.6 };
    const two = { base: 1, fast: 0.6 };
    expect(on(inputOf({ real: agreed, simulated: two }), 'mean_ttft_ms').verdict).toBe('better');
    const disagreed = on(inputOf({ real: { base: 1, fast: 1.4 }, simulated: two }), 'mean_ttft_ms');
    expect(disagreed.verdict).toBe('cannot tell');
  });
});

describe('what cannot be told from one seed', () => {
  test('of stacks that are the same to the byte is a tie with a ratio of exactly 1', () => {
    const copies = { base: 1, fast: 1, third: 1, fourth: 1 };
    const comparison = on(inputOf({ real: copies, simulated: copies }), 'p99_ttft_ms');
    expect(comparison).toMatchObject({ ratio: 1, ratio_low: 1, ratio_high: 1, verdict: 'cannot tell' });
  });

  test('without a miss leaves the attainment as uncertain as one miss', () => {
    const comparison = on(inputOf({ real: nearly, simulated }), 'slo_attainment');
    expect(comparison).toMatchObject({ value: 1, ratio: 1, verdict: 'cannot tell' });
    expect(comparison.ratio_low).toBeLessThan(1 - 1 / numRequests);
  });
});

function widthWith(seeds: readonly number[]): number {
  const input = inputOf({ real: nearly, simulated, seeds });
  const { ratio_low: low, ratio_high: high } = on(input, 'p50_ttft_ms');
  return high! - low!;
}

test('several measured seeds narrow the interval', () => {
  expect(widthWith([1, 2, 3])).toBeLessThan(0.8 * widthWith([1]));
});

describe('what counts', () => {
  test('every comparison is one that a results folder may hold', () => {
    const comparisons = compareTwoFidelity(inputOf({ real: nearly, simulated }), 'base');
    expect(comparisons).toHaveLength(5 * comparedMetrics.length);
    for (const comparison of comparisons) expect(comparisonSchema.parse(comparison)).toEqual(comparison);
  });

  test('a cell without its twin and a further seed without the baseline do not', () => {
    const { measured, twins, simulated: further } = inputOf({ real: nearly, simulated, seeds: [1, 2] });
    const input = {
      measured,
      twins: twins.filter(({ summary: { policy, seed } }) => policy !== 'fast' || seed === 1),
      simulated: further.filter(({ policy, seed }) => policy !== 'base' || seed > 1009),
    };
    expect(on(input, 'p50_ttft_ms')).toMatchObject({ num_measured_seeds: 1, num_simulated_seeds: 21 });
    expect(on(input, 'p50_ttft_ms', 'slow').num_measured_seeds).toBe(2);
    expect(compareTwoFidelity({ ...input, twins: [] }, 'base')).toEqual([]);
  });

  test('a stack that leaves requests unanswered when measured never wins', () => {
    const input = inputOf({ real: nearly, simulated });
    const measured = input.measured.map((one) => {
      if (one.summary.policy !== 'fast') return one;
      const rows = rowsOf(Array.from({ length: numRequests }, () => 0.01));
      return {
        ...one,
        outcomes: RequestOutcomes.from(
          rows.map((row, i) => (i % 4 > 0 ? row : rejected(row))),
          classes,
        ),
      };
    });
    expect(on({ ...input, measured }, 'p99_ttft_ms')).toMatchObject({ value: null, verdict: 'cannot tell' });
  });
});

describe('further draws of a measured seed', () => {
  test('stand for the twin with their mean', () => {
    const base = inputOf({ real: nearly, simulated });
    const slower = inputOf({ real: nearly, simulated: { ...simulated, fast: 0.8 } }).twins.map(
      comparedValues,
    );
    const asOne = inputOf({ real: nearly, simulated: { ...simulated, fast: 0.7 } });
    const drawn = { ...base, simulated: [...base.twins.map(comparedValues), ...slower, ...base.simulated] };
    const mean = on(drawn, 'p50_ttft_ms');
    const one = on({ ...base, twins: asOne.twins }, 'p50_ttft_ms');
    expect(mean.ratio).toBeCloseTo(must(one.ratio, 'ratio'), 3);
    expect(mean.num_simulated_seeds).toBe(31);
  });
});

describe('the correction by measured seeds', () => {
  test('is weighted so that its worst case, however error and chance divide, is smallest', () => {
    for (const seeds of [1, 2, 3, 10]) {
      const weight = correctionWeight(seeds);
      const worst = (w: number) => Math.max((1 - w) ** 2, w ** 2 / seeds);
      expect(worst(weight)).toBeCloseTo(1 / (1 + Math.sqrt(seeds)) ** 2);
      for (const other of [0, 0.2, 0.4, 0.6, 0.8, 1])
        expect(worst(other)).toBeGreaterThanOrEqual(worst(weight) - 1e-12);
    }
  });
});

describe('the values of a further seed', () => {
  test('are those of a comparison: who never got an answer is infinitely late', () => {
    const rows = rowsOf(Array.from({ length: 20 }, (_, i) => 1 + i / 10));
    const values = comparedValues(
      cellOf(
        'a',
        7,
        rows.map((row, i) => (i === 3 ? rejected(row) : row)),
      ),
    );
    const read = comparedValuesSchema.parse(JSON.parse(JSON.stringify(values)));
    expect(read).toEqual(values);
    expect(comparedValue(read, 'p99_ttft_ms')).toBe(Infinity);
    expect(comparedValue(read, 'mean_ttft_ms')).toBe(Infinity);
    expect(comparedValue(read, 'p50_ttft_ms')).toBeCloseTo(2000, -3);
    expect(comparedValue(read, 'slo_attainment')).toBe(0.95);
  });

  test('are those of the summary where every request was answered', () => {
    const whole = cell('a', 7, 1);
    const values = comparedValues(whole);
    for (const metric of comparedMetrics) {
      expect(comparedValue(values, metric), metric).toBeCloseTo(whole.summary[metric]!, 6);
    }
  });

  test('are undefined where the metric is', () => {
    const oneToken = recordedCell('a', [[1000, 1]]);
    expect(comparedValues(oneToken).values['p99_tpot_ms']).toBeNull();
    expect(comparedValue(comparedValues(oneToken), 'p99_tpot_ms')).toBeNaN();
  });
});
