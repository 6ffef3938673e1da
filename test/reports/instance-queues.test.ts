import { max } from 'd3-array';
import { expect, it } from 'vitest';
import { instanceQueues } from '../../reports/charts/instance-queues.ts';
import { cellOf, resultsOf, valuesIn } from './fixtures.ts';

it('keeps the longest queue of every instance, however much it thins', async () => {
  const results = await resultsOf('three stacks, one seed');
  const drawing = instanceQueues.draw(results);
  if (drawing.kind !== 'drawn') throw new Error(drawing.reason);
  const [panel] = 'vconcat' in drawing.spec ? drawing.spec.vconcat : [];
  const rows = valuesIn(panel);
  const { timeseries } = cellOf(results, 'recompute');
  for (const instance of new Set(timeseries.map((row) => row.instance))) {
    const longest = max(timeseries, (row) => (row.instance === instance ? row.waiting : 0));
    expect(max(rows, (row) => (row['lane'] === String(instance) ? Number(row['waiting'] ?? 0) : 0))).toBe(
      longest,
    );
  }
  expect(drawing.answer).toContain('recompute');
});
