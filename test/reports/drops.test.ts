import { beforeAll, describe, expect, it } from 'vitest';
import { charts } from '../../reports/charts/index.ts';
import { faultWords } from '../../reports/faults.ts';
import { membersOf, segmentsOf } from '../../reports/segments.ts';
import { doneCells } from '../../reports/load.ts';
import type { Results } from '../../reports/load.ts';
import { cellOf, resultsOf, valuesIn } from './fixtures.ts';

let results: Results;
beforeAll(async () => {
  results = await resultsOf('weights dropped, a fault');
});

function drawn(name: string, from = results) {
  const drawing = charts[name]!.draw(from);
  if (drawing.kind !== 'drawn') throw new Error(drawing.reason);
  return { ...drawing, values: valuesIn(drawing.spec) };
}

describe('memory over time', () => {
  it('stacks kinds up to the memory of the devices that live, before, in and after a drop', () => {
    const { spec } = drawn('burst-timeline');
    const panel = panelsOf(spec).find(({ title }) => title?.text?.startsWith('Memory of drop-exchange'));
    const tops = new Map<unknown, number>();
    for (const row of valuesIn(panel)) {
      if (row['kind'] !== undefined) tops.set(row['s'], (tops.get(row['s']) ?? 0) + Number(row['size']));
    }
    expect(tops.size).toBeGreaterThan(50);
    // Devices of 8 MiB.
    for (const [s, top] of tops) expect(top / (8 * numThere(s))).toBeCloseTo(1, 2);
    const lines = valuesIn(panel).filter((row) => row['amount'] !== undefined);
    // What they would hold without a drop: 2,888,192 B of weights each.
    for (const { s, amount } of lines) expect(Number(amount) / (2.754 * numThere(s))).toBeCloseTo(1, 2);
    expect(lines.some((row) => Number(row['low']) < Number(row['amount']) * 0.6)).toBe(true);
  });

  it('says nothing of loading weights where none were', async () => {
    const plain = drawn('burst-timeline', await resultsOf('three stacks, one seed'));
    expect(plain.values.some((row) => row['kind'] === 'weights loading')).toBe(false);
    expect(JSON.stringify(plain.spec)).not.toContain('Requests stalled');
  });
});

describe('who serves with whom', () => {
  it('joins samples of one group, knows its members and ends the lane of a failed instance', () => {
    const cell = cellOf(results, 'kunserve');
    const segments = segmentsOf(cell, 10_000);
    const merged = [...membersOf(segments)].filter(([, members]) => members.length > 1);
    expect(merged.map(([, members]) => members.join('+'))).toContain('2+3');
    const fault = cell.events.find(({ kind }) => kind === 'instanceFailed')!;
    const last = segments.filter(({ instance }) => instance === 3).at(-1)!;
    expect(last.endUs).toBeGreaterThanOrEqual(fault.time_us);
    expect(last.endUs).toBeLessThan(fault.time_us + 1_000_000);
    for (const instance of [0, 1, 2]) {
      const own = segments.filter((segment) => segment.instance === instance);
      own.slice(1).forEach((segment, index) => expect(segment.startUs).toBe(own[index]?.endUs));
    }
  });

  it('shows only stacks whose groups change', async () => {
    const titles = panelsOf(drawn('groups', await resultsOf('everything that a stack can do')).spec);
    expect(titles.map(({ title }) => title)).toEqual(['kunserve', 'kunserve-even']);
  });

  it('marks what happened to each member', () => {
    const { spec, values } = drawn('groups');
    // A fault changes the groups of every stack.
    const names = results.manifest.stacks.map(({ name }) => name);
    expect(panelsOf(spec).map(({ title }) => title)).toEqual(names);
    const marked = (what: string) => values.filter((row) => row['what'] === what).map((row) => row['lane']);
    expect(marked('fault')).toEqual(names.map(() => 'instance 3'));
    const panel = panelsOf(spec).find(({ title }) => (title as unknown) === 'kunserve');
    const begun = valuesIn(panel).filter((row) => row['what'] === 'restore begins');
    expect(begun.map((row) => row['lane'])).toEqual(['instance 1', 'instance 2']);
    for (const row of begun) expect(row['s']).toBeCloseTo(2.24, 2);
  });

  it('names the fault in words and beside the memory', () => {
    const cells = doneCells(results);
    expect(faultWords(cells)).toBe('instance 3 at 0.75 s');
    expect(faultWords([])).toBe('');
    const names = drawn('burst-timeline').values.flatMap(({ fault }) => fault ?? []);
    expect(new Set(names)).toEqual(new Set(['fault: instance 3']));
  });
});

describe('traffic', () => {
  it('shows every byte of every link', () => {
    const { values } = drawn('traffic');
    const rows = values.filter((row) => row['lane'] !== undefined && row['rate'] !== undefined);
    const shown = rows.reduce(
      (sum, row) => sum + Number(row['rate']) * (Number(row['end']) - Number(row['start'])) * 2 ** 20,
      0,
    );
    // Of the cells of the first seed, once for each end of a transfer that has a link there.
    expect(shown / 2 ** 20).toBeCloseTo(324.6, 1);
  });
});

describe('the ladder', () => {
  it('has a rung for the baseline and each variant of a policy, relative to the baseline', () => {
    const { values, caption } = drawn('ladder');
    const rungs = ['recompute', 'drop-only', 'drop-exchange', 'kunserve'];
    const ratios = values.filter((row) => row['ratio'] !== undefined && row['stack'] !== undefined);
    expect([...new Set(ratios.map((row) => row['stack']))]).toEqual(rungs);
    expect(caption).toContain(
      'drop-only: kunserve.transition = "remote-attention", kunserve.lookahead = false',
    );
    expect(caption).not.toContain('minDwellMs');
    const bubbles = { recompute: '–', 'drop-only': '37.6 %', 'drop-exchange': '33.8 %', kunserve: '39.3 %' };
    for (const [stack, share] of Object.entries(bubbles)) {
      const labels = values.filter((row) => row['stack'] === stack).map((row) => row['label']);
      expect(labels).toContain(share);
    }
  });

  it('is left out where stacks differ in policies, not in parameters', async () => {
    const other = await resultsOf('seven stacks of three families, a failed cell');
    expect(charts['ladder']!.draw(other).kind).toBe('absent');
  });
});

describe('stalls', () => {
  it('is about stalled requests only, and counts them', () => {
    const { answer, values } = drawn('stall-distribution');
    // Of both seeds together, and of these the median and the 99th percentile.
    for (const words of [
      'drop-only 7.84 and 11.4 ms (27 of 596 requests)',
      'drop-exchange 64.2 and 230 ms (282 of 596 requests)',
      'kunserve 60.1 and 217 ms (299 of 596 requests)',
    ])
      expect(answer).toContain(words);
    const shares = values.filter((row) => row['stack'] === 'kunserve').map((row) => Number(row['share']));
    expect(Math.max(...shares)).toBe(1);
    expect(values.some((row) => row['stack'] === 'recompute')).toBe(false);
  });
});

/** Four devices, of which one fails at 0.75 s. */
function numThere(s: unknown): number {
  return Number(s) < 0.75 ? 4 : 3;
}

function panelsOf(spec: object): { title?: { text?: string } | undefined }[] {
  return 'vconcat' in spec ? (spec.vconcat as { title?: { text?: string } }[]) : [];
}
