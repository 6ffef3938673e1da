import { expect, test } from 'vitest';
import { compareClasses, compareClassesTwoFidelity } from '../../harness/metrics/class-comparisons.ts';
import { comparedValues, comparedValuesSchema } from '../../harness/metrics/compared-values.ts';
import { comparedClassMetricKeys } from '../../harness/metrics/metrics.ts';
import { RequestOutcomes } from '../../harness/metrics/outcomes.ts';
import type { ComparedCell } from '../../harness/metrics/paired-run.ts';
import type { ClassComparison, RequestRow } from '../../harness/metrics/results.ts';
import { cellOf, rowsOf } from './compared-cells.ts';

const classes = ['chat', 'batch'].map((name) => ({ name, priority: 0, slo: { ttftUs: 3_000_000 } }));
const seeds = [1, 2, 3];

/** Requests of two classes by turns, 1.0 to 1.6 s to the first token, times what the class gets. */
function rows(seed: number, slowness: { readonly chat: number; readonly batch: number }): RequestRow[] {
  const all = rowsOf(
    Array.from(
      { length: 60 },
      (_, id) => (1 + ((id * seed) % 7) / 10) * (id % 2 === 0 ? slowness.chat : slowness.batch),
    ),
  );
  return all.map((row, id) => ({ ...row, class: id % 2 === 0 ? 'chat' : 'batch' }));
}

function cell(
  policy: string,
  seed: number,
  slowness: { readonly chat: number; readonly batch: number },
): ComparedCell {
  const own = rows(seed, slowness);
  const { summary } = cellOf(policy, seed, own);
  // Of the figures of classes a comparison reads whether there are targets.
  const [figures] = Object.values(summary.classes);
  const named = Object.fromEntries(classes.map(({ name }) => [name, { ...figures!, slo_attainment: 1 }]));
  return { summary: { ...summary, classes: named }, outcomes: RequestOutcomes.from(own, classes) };
}

const even = { chat: 1, batch: 1 };
/** Better on all requests together by what one class gains, at the cost of the other. */
const uneven = { chat: 0.5, batch: 1.4 };

function verdictsOn(comparisons: readonly ClassComparison[], metric: string) {
  return comparisons
    .filter((one) => one.metric === metric)
    .map(({ class: name, policy, verdict }) => `${policy} ${verdict} for ${name}`);
}

test('a stack that serves one class at the cost of the other is better in one and worse in the other', () => {
  const cells = seeds.flatMap((seed) => [cell('base', seed, even), cell('uneven', seed, uneven)]);
  const compared = compareClasses(cells, 'base');
  expect(verdictsOn(compared, 'p50_ttft_ms')).toEqual(['uneven better for chat', 'uneven worse for batch']);
  expect(new Set(compared.map(({ metric }) => metric))).toEqual(new Set(comparedClassMetricKeys));
});

test('the figures are those of the requests of the class alone', () => {
  const cells = [cell('base', 1, even), cell('uneven', 1, uneven)];
  const [chat] = compareClasses(cells, 'base').filter(
    (one) => one.class === 'chat' && one.metric === 'mean_ttft_ms',
  );
  expect(chat?.ratio).toBeCloseTo(0.5, 6);
});

/** All requests of one class. */
function only(policy: string): ComparedCell {
  const { summary, outcomes } = cell(policy, 1, even);
  const { chat } = summary.classes;
  return { summary: { ...summary, classes: { chat: chat! } }, outcomes };
}

test('a run of one class compares none: it is the whole', () => {
  expect(compareClasses([only('base'), only('other')], 'base')).toEqual([]);
});

test('verdicts are corrected for policies and classes together', () => {
  const cells = [1, 2].flatMap((seed) => [
    cell('base', seed, even),
    ...Array.from({ length: 12 }, (_, index) => cell(`same-${index}`, seed, even)),
  ]);
  const compared = compareClasses(cells, 'base');
  expect(new Set(compared.map(({ verdict }) => verdict))).toEqual(new Set(['cannot tell']));
});

function fourStacks(some: readonly number[]): ComparedCell[] {
  return some.flatMap((seed) => [
    cell('base', seed, even),
    cell('uneven', seed, uneven),
    cell('third', seed, even),
    cell('fourth', seed, even),
  ]);
}

test('few measured and many simulated seeds tell it class by class', () => {
  const further = Array.from({ length: 12 }, (_, k) => 100 + k);
  const simulated = fourStacks(further).map(comparedValues);
  for (const values of simulated) comparedValuesSchema.parse(values);
  const compared = compareClassesTwoFidelity(
    { measured: fourStacks([1]), twins: fourStacks([1]), simulated },
    'base',
  );
  expect(verdictsOn(compared, 'p50_ttft_ms').filter((text) => text.startsWith('uneven'))).toEqual([
    'uneven better for chat',
    'uneven worse for batch',
  ]);
});
