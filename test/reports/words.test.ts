import { describe, expect, it } from 'vitest';
import { metrics } from '../../harness/metrics/metrics.ts';
import type { Comparison } from '../../harness/metrics/results.ts';
import {
  formatInterval,
  formatMetric,
  formatNumber,
  formatPercent,
  formatRatio,
  listOrExtremes,
} from '../../reports/format.ts';
import { doneCells } from '../../reports/load.ts';
import type { Results } from '../../reports/load.ts';
import { html, jsonMarkup } from '../../reports/markup.ts';
import { styleOf } from '../../reports/stacks.ts';
import type { StackStyle } from '../../reports/stacks.ts';
import { closingTable, tableJson } from '../../reports/table.ts';
import { binBy, cumulative } from '../../reports/thin.ts';
import { headline, verdictsOf } from '../../reports/verdict.ts';
import * as fc from '../fast-check.ts';
import { renamed } from './edits.ts';
import { hostileName, resultsOf, situationNames } from './fixtures.ts';

describe('numbers in words', () => {
  it.each([
    [0, '0'],
    [0.01234, '0.0123'],
    [4.564, '4.56'],
    [52.96, '53.0'],
    [12, '12'],
    [999.6, '1,000'],
    [1_234_567, '1,234,567'],
    [undefined, '–'],
  ])('%s is %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('follows the unit', () => {
    expect(formatMetric(0.4567, 'ratio')).toBe('45.7 %');
    expect(formatMetric(1536, 'bytes')).toBe('1.5 KiB');
    expect(formatMetric(null, 'ms')).toBe('–');
    expect(formatRatio(1)).toBe('1.00×');
    expect(formatRatio(0)).toBe('0×');
    expect(formatInterval(0.5, null)).toBe('0.500 to ∞');
    expect(formatPercent(0.9999)).toBe('100 %');
  });

  it('lists a few and gives the extremes of many', () => {
    const items = ['a', 'b', 'c', 'd'].map((text, score) => ({ text, score }));
    expect(listOrExtremes(items.slice(0, 3))).toBe('a, b and c');
    expect(listOrExtremes(items.toReversed())).toBe('from a to d');
  });
});

describe('markup', () => {
  it('lets no value open a tag or leave an attribute', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { markup } = html`<p title="${text}">${text}</p>`;
        expect(markup.match(/</g)).toHaveLength(2);
        expect(markup.match(/"/g)).toHaveLength(2);
      }),
    );
  });

  it('keeps JSON readable and inside its script element', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { markup } = jsonMarkup({ text: `${text}</script>` });
        expect(markup).not.toContain('<');
        expect(JSON.parse(markup)).toEqual({ text: `${text}</script>` });
      }),
    );
  });
});

describe('thinning', () => {
  it('puts every item into exactly one of at most so many bins', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1000 })),
        fc.integer({ min: 1, max: 20 }),
        (items, maxBins) => {
          const bins = binBy(items, (item) => item, maxBins);
          expect(bins.length).toBeLessThanOrEqual(maxBins);
          expect(bins.flat().toSorted((a, b) => a - b)).toEqual(items.toSorted((a, b) => a - b));
        },
      ),
    );
  });

  it('draws a rising share that ends at the share of those with a value', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 400 }),
        (items) => {
          const values = items.toSorted((a, b) => a - b);
          const points = cumulative(values, values.length * 2, 60);
          expect(points.length).toBeLessThanOrEqual(60);
          for (const [index, point] of points.entries()) {
            expect(point.share).toBeGreaterThanOrEqual(points[index - 1]?.share ?? 0);
            expect(point.value).toBeGreaterThanOrEqual(points[index - 1]?.value ?? 0);
          }
          expect(points.at(-1)?.share).toBeCloseTo(0.5, 3);
        },
      ),
    );
  });
});

describe('verdicts', () => {
  it('names a sure winner with its family, by how much and how sure', async () => {
    const results = await comparing([compared('kunserve', 0.4, 0.35, 0.45), compared('swap', 0.8, 0.7, 0.9)]);
    const [verdict] = verdictsOf(results);
    expect(verdict).toMatchObject({ outcome: 'wins', sentence: 'kunserve (parameter-centric) wins' });
    expect(verdict?.detail).toContain('kunserve 0.400× (95 %: 0.350 to 0.450), 400 ms against 1,000 ms');
    expect(headline(results, verdictsOf(results))).toContain(
      'kunserve (parameter-centric) ahead on TTFT p99',
    );
  });

  it('counts further leaders when many lead together', async () => {
    const names = ['swap', 'llumnix', 'kunserve', 'chiron', 'hpa'];
    const results = await comparing(names.map((name, index) => compared(name, 0.5 + index / 100, 0.4, 0.6)));
    const [verdict] = verdictsOf(results);
    expect(verdict?.sentence).toContain('kunserve (parameter-centric) and 2 more lead');
    expect(verdict?.winners).toHaveLength(5);
    expect(verdict?.detail).toContain('; 2 more');
    expect(verdict?.detail).not.toContain('chiron');
  });

  it('leaves the order open where intervals overlap', async () => {
    const results = await comparing([
      compared('kunserve', 0.4, 0.3, 0.5),
      compared('swap', 0.45, 0.35, 0.55),
    ]);
    expect(verdictsOf(results)[0]).toMatchObject({ outcome: 'shared' });
    expect(verdictsOf(results)[0]?.sentence).toContain('which of them is best is open');
  });

  it('cannot tell when no interval leaves out 1, and lets the baseline hold when all are worse', async () => {
    const unsure = await comparing([compared('swap', 0.9, 0.7, 1.1), compared('hpa', 1.4, 1.2, 1.6)]);
    expect(verdictsOf(unsure)[0]).toMatchObject({ outcome: 'cannot tell', winners: [] });
    const worse = await comparing([compared('swap', 1.9, 1.7, 2.1), compared('hpa', 1.4, 1.2, 1.6)]);
    expect(verdictsOf(worse)[0]).toMatchObject({ outcome: 'baseline holds' });
    expect(headline(worse, verdictsOf(worse))).toContain('swap and hpa worse on TTFT p99');
  });

  it('says who is worse though nobody is better', async () => {
    const worse = compared('hpa', 1.4, 1.2, 1.6);
    const results = await comparing([
      compared('swap', 0.9, 0.7, 1.1),
      worse,
      { ...worse, metric: 'p99_tpot_ms' },
      { ...compared('swap', 0.9, 0.7, 1.1), metric: 'p50_tpot_ms' },
    ]);
    const verdicts = verdictsOf(results);
    expect(verdicts[0]?.sentence).toBe('none surely better; hpa worse');
    expect(verdicts[1]?.sentence).toBe('recompute holds: hpa worse');
    expect(headline(results, verdicts)).toBe(
      'Against recompute: hpa worse on TTFT p99 and TPOT p99; cannot tell on TPOT p50.',
    );
  });

  it('never lets a bound or an oracle win, and says how far the winner goes towards the bound', async () => {
    const results = await comparing([compared('unlimited', 0.2, 0.1, 0.3), compared('swap', 0.6, 0.5, 0.7)]);
    expect(verdictsOf(results)[0]).toMatchObject({ sentence: 'swap (KVCache-centric) wins' });
    expect(verdictsOf(results)[0]?.detail).toContain('50.0 % of the way to unlimited');
    const past = await comparing([compared('unlimited', 0.4, 0.3, 0.5), compared('swap', 0.1, 0.05, 0.2)]);
    expect(verdictsOf(past)[0]?.detail).toContain('; past unlimited, which bounds only what memory gives');
    expect(verdictsOf(past)[0]?.detail).not.toContain('of the way');
    const stacks = results.manifest.stacks.map((stack) => ({ ...stack, is_oracle: stack.name === 'swap' }));
    expect(verdictsOf({ ...results, manifest: { ...results.manifest, stacks } })).toEqual([]);
  });
});

describe('looks of stacks', () => {
  it('tells twelve stacks apart by more than colour, and eight by colour alone', async () => {
    const one = await resultsOf('one stack, one seed');
    const [first] = one.manifest.stacks;
    const stacks = Array.from({ length: 12 }, (_, index) => ({ ...first!, name: `stack ${index}` }));
    const results = { ...one, manifest: { ...one.manifest, stacks } };
    const styles = stacks.map((stack) => styleOf(results, stack));
    const numOf = (key: (style: StackStyle) => string) => new Set(styles.map(key)).size;
    expect(numOf(({ colour, dash }) => `${colour} ${dash.join(' ')}`)).toBe(12);
    expect(numOf(({ colour, shape }) => `${colour} ${shape}`)).toBe(12);
    expect(new Set(styles.slice(0, 8).map(({ colour }) => colour)).size).toBe(8);
  });
});

describe('the closing table', () => {
  it.each(situationNames)('fits 100 columns with %s', async (situation) => {
    const table = closingTable(await resultsOf(situation));
    for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('shows every stack, with dashes where nothing finished', async () => {
    const table = closingTable(await resultsOf('a baseline without a finished cell'));
    expect(table).toMatch(/^swap +[\d,.]+ /m);
    expect(table).toMatch(/^recompute +– /m);
    expect(table).toContain('recompute: only 0 of 3 cells finished.');
  });

  it('has p99.9 in JSON always, and a table of it where there are requests enough', async () => {
    const few = await resultsOf('three stacks, one seed');
    expect(closingTable(few)).not.toContain('p99.9');
    const cells = few.cells.map((cell) => {
      if (cell.status !== 'done') return cell;
      return { ...cell, summary: { ...cell.summary, num_ttft_samples: 1001, p999_ttft_ms: 1_234_567 } };
    });
    const many = { ...few, cells };
    expect(closingTable(many)).toMatch(/\np99\.9 +TTFT ms +TPOT ms\nrecompute +1,234,567 +[\d.]+\nswap /);
    for (const results of [few, many]) {
      const { summary } = doneCells(results)[0]!;
      const [first] = tableJson(results).policies;
      expect(first).toMatchObject({
        p999_ttft_ms: summary.p999_ttft_ms,
        p999_tpot_ms: summary.p999_tpot_ms,
      });
    }
  });

  it('says from how many samples a p99 comes where they are too few for it', async () => {
    const results = await resultsOf('three stacks, one seed');
    const withSamples = (num: number) => {
      const cells = results.cells.map((cell) => {
        if (cell.status !== 'done') return cell;
        return { ...cell, summary: { ...cell.summary, num_ttft_samples: num, num_tpot_samples: num - 1 } };
      });
      return closingTable({ ...results, cells });
    };
    expect(withSamples(5)).toContain(
      'between the two largest. Samples of the seed with the fewest:\nrecompute 5 TTFT, 4 TPOT;\nswap 5 TTFT',
    );
    expect(withSamples(102)).not.toContain('amples');
  });

  it('says which of TTFT and TPOT leave out what was not finished', async () => {
    const results = await resultsOf('cut off with requests unfinished');
    expect(closingTable(results)).toContain(
      'TPOT leaves out requests that were not finished, TTFT those without a first token.',
    );
  });

  it('says that there is no figure where all answers have one token, and none went unanswered', async () => {
    const results = await resultsOf('three stacks, one seed');
    const undefinedFigures = {
      value: null,
      baseline_value: null,
      ratio: null,
      ratio_low: null,
      ratio_high: null,
    };
    const comparisons = results.summary.comparisons.map((comparison) =>
      comparison.metric.endsWith('tpot_ms')
        ? { ...comparison, ...undefinedFigures, verdict: 'cannot tell' as const }
        : comparison,
    );
    const summary = { ...results.summary, comparisons };
    const [text] = verdictsOf({ ...results, summary }).filter(({ metric }) => metric.endsWith('tpot_ms'));
    expect(text?.detail).toContain('has no figure to compare');
    expect(text?.detail).not.toContain('unanswered');
  });

  it('marks stacks that were cut off and says how many requests they left', async () => {
    const results = await resultsOf('cut off with requests unfinished');
    const table = closingTable(results);
    expect(table).toContain('! recompute: 131 of 184 requests not finished');
    expect(table).toContain('! swap: 125 of 184 requests not finished');
    expect(table).toContain('! unlimited: 156 of 184 requests not finished');
  });

  it('marks a stack that left requests behind and says how many', async () => {
    const results = await resultsOf('three stacks, one seed');
    const cells = results.cells.map((cell) => {
      if (cell.status !== 'done') return cell;
      const numLost = cell.policy === 'swap' ? 3 : 0;
      // Two were given up by the client, which is nobody's fault.
      const counts = { offered: 52, aborted: 2, completed: 50 - numLost, unfinished: numLost };
      const summary = { ...cell.summary, ...counts };
      return { ...cell, summary };
    });
    const table = closingTable({ ...results, cells });
    expect(table).toMatch(/^swap ! +[\d,.]+ /m);
    expect(table).toContain('! swap: 3 of 52 requests not finished');
    expect(table).not.toContain('recompute !');
    const json = tableJson({ ...results, cells });
    expect(json.policies.map((row) => row.requests_not_finished)).toEqual([0, 3, 0]);
  });

  it('prints names on one line whatever they hold', async () => {
    const results = await resultsOf('one stack, one seed');
    const policy = `a\n\u001b[31m${hostileName}`;
    const documents = await renamed({ recompute: policy }, 'x')(results, results.dir);
    const cells = results.cells.map((cell) => ({ ...cell, policy }));
    const table = closingTable({ ...results, ...documents, cells });
    expect(table).not.toContain('\u001b');
    expect(table.split('\n').filter((line) => line.includes('a ')).length).toBeGreaterThan(0);
  });

  it('has the same figures as JSON', async () => {
    const results = await resultsOf('three stacks, three seeds');
    const json = tableJson(results);
    expect(json).toMatchObject({ baseline: 'recompute', verdict_metric: 'p99_ttft_ms', seeds: [1, 2, 3] });
    expect(json.policies.map(({ p99_ttft_ms: ttft }) => ttft?.toFixed(3))).toEqual([
      '314.629',
      '287.870',
      '49.154',
    ]);
    expect(closingTable(results)).toMatch(
      /^swap +18\.3 +288 +4\.38 +7\.61 +66\.8 % +136 +4\.06 +36\.7 +better$/m,
    );
    expect(json.policies[1]).toMatchObject({ policy: 'swap', family: 'kv-centric', cells_done: 3, cells: 3 });
  });
});

function compared(policy: string, ratio: number, low: number, high: number): Comparison {
  const verdict = high < 1 ? 'better' : low > 1 ? 'worse' : 'cannot tell';
  const interval = { ratio, ratio_low: low, ratio_high: high };
  const values = { value: ratio * 1000, baseline_value: 1000 };
  return { policy, baseline: 'recompute', metric: 'p99_ttft_ms', ...values, ...interval, verdict };
}

/** Seven stacks of which only these comparisons are known. */
async function comparing(comparisons: Comparison[]): Promise<Results> {
  const results = await resultsOf('seven stacks of three families, a failed cell');
  expect(results.definitions).toBe(metrics);
  return { ...results, summary: { ...results.summary, comparisons } };
}
