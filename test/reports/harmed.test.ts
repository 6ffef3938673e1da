import { describe, expect, it } from 'vitest';
import { cut, cutText } from '../../reports/cut-text.ts';
import { harmedRequests } from '../../reports/harmed.ts';
import type { DoneCell, Results } from '../../reports/load.ts';
import { harmedTable } from '../../reports/page/harmed-table.ts';
import { refusedTable } from '../../reports/page/refused-table.ts';
import { timelines } from '../../reports/timelines.ts';
import { cellOf, resultsOf } from './fixtures.ts';

/** The same with something else in a stack's cells. */
function changed(results: Results, policy: string, change: (cell: DoneCell) => Partial<DoneCell>): Results {
  const cells = results.cells.map((cell) =>
    cell.status === 'done' && cell.policy === policy ? { ...cell, ...change(cell) } : cell,
  );
  return { ...results, cells };
}

/** Swap with the requests of the baseline, of which 3 ends 50 ms later and 5 never. */
async function twoHarmed(): Promise<Results> {
  const results = await resultsOf('three stacks, one seed');
  const { requests } = cellOf(results, 'recompute');
  const rows = requests.map((row) => {
    if (row.id === 3) return { ...row, ended_at_us: row.ended_at_us! + 50_000 };
    return row.id === 5 ? { ...row, status: 'unfinished' as const, ended_at_us: null } : row;
  });
  return changed(results, 'swap', () => ({ requests: rows }));
}

describe('requests harmed most', () => {
  it('puts those that only the baseline finished before those that came later', async () => {
    const results = await twoHarmed();
    const swap = harmedRequests(results, 9).filter(({ stack }) => stack.name === 'swap');
    expect(swap.map(({ row, increaseMs }) => [row.id, increaseMs])).toEqual([
      [5, Infinity],
      [3, 50],
    ]);
    expect(harmedRequests(results, 1).map(({ stack }) => stack.name)).not.toContain('recompute');
  });

  it('says how much later, and what was decided about each', async () => {
    const { markup } = harmedTable(await twoHarmed());
    const [, row = ''] = /data-request="3"(.*?)<\/tr>/s.exec(markup) ?? [];
    expect(row).toContain('<td>50</td>');
    expect(row).toMatch(/decision.*dispatch \(least-loaded\)/);
    expect(markup).toContain('<td>unfinished</td>');
  });

  it('keeps the timeline of each in its stack and in the baseline', async () => {
    const results = await twoHarmed();
    const known = timelines(results, 2);
    for (const name of ['swap', 'recompute']) {
      const cell = known.find(({ stack }) => stack === name);
      expect(cell?.values.map(({ id }) => id)).toEqual(expect.arrayContaining([3, 5]));
      const [event] = cell?.events.values.filter(({ id }) => id === 3) ?? [];
      expect(event).toMatchObject({ atUs: 0, kind: 'dispatch', by: 'least-loaded', isApplied: true });
    }
  });

  it('bounds what it keeps of decisions, however many and long they are', async () => {
    const results = await resultsOf('everything that a stack can do');
    const longer = changed(results, 'llumnix', ({ decisions }) => ({
      decisions: decisions.flatMap((row) =>
        Array.from({ length: 20 }, () => ({ ...row, reason: 'x'.repeat(5000) })),
      ),
    }));
    expect(JSON.stringify(timelines(longer, 5).map(({ events }) => events)).length).toBeLessThan(160_000);
  });
});

describe('decisions refused', () => {
  it('counts them by the words of the reason, of any numbers', async () => {
    const results = await resultsOf('three stacks, one seed');
    const decision = cellOf(results, 'swap').decisions[0]!;
    const refused = [4, 17].map((group) => ({
      ...decision,
      outcome: 'rejected' as const,
      error: `group ${group} has no room for ${2 * group} blocks`,
    }));
    const own = changed(results, 'swap', () => ({ decisions: [decision, decision, ...refused] }));
    const { markup } = refusedTable(own);
    expect(markup).toContain('2 in all cells');
    expect(markup).toMatch(
      /<td>2<\/td><td>50.0 %<\/td><td class="text wrap">group 4 has no room for 8 blocks/,
    );
    expect(markup).not.toContain('group 17');
  });

  it('says nothing where none was refused', async () => {
    const results = await resultsOf('three stacks, one seed');
    const none = results.cells.map((cell) => (cell.status === 'done' ? { ...cell, decisions: [] } : cell));
    expect(refusedTable({ ...results, cells: none }).markup).toBe('');
  });
});

describe('a text of any length', () => {
  it('is cut on the page, with the whole of it under the pointer', () => {
    const text = `${'because '.repeat(30)}<b>`;
    expect(cutText(text).markup).toContain(`title="${text.replace('<b>', '&lt;b&gt;')}"`);
    expect(cutText(text).markup).toMatch(/>because .*…<\/span>$/);
    expect(cutText('short').markup).toBe('short');
    expect(cut('abcdef', 4)).toBe('abc…');
    expect(cutText('x'.repeat(200_000)).markup.length).toBeLessThan(2500);
  });
});
