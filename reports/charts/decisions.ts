import { formatNumber, listOrExtremes } from '../format.ts';
import type { DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { shownCells, timeAxis, timeDomain } from './arrivals.ts';
import { absent, labelPx, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

const numBins = 60;

export const decisions: Chart = {
  title: 'Decisions over time',
  question: 'What did each policy decide, and when?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => cell.decisions.length > 0);
    if (cells.length === 0) return absent('No policy decided anything.');
    return {
      kind: 'drawn',
      spec: specOf(cells),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one row a policy and kind of decision, with their number at the right. Counted in ${numBins} bins of time: the darker, the more, ` +
        'by the square root and up to the fullest bin of the row. Crosses: decisions that the core refused.',
    };
  },
};

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map((cell) => {
    const refused = cell.decisions.filter((row) => row.outcome === 'rejected').length;
    const text = `${cell.policy} ${formatNumber(cell.decisions.length)} (${formatNumber(refused)} refused)`;
    return { text, score: cell.decisions.length };
  });
  return `Number of decisions: ${listOrExtremes(parts)}.`;
}

function specOf(cells: readonly DoneCell[]) {
  const domain = timeDomain(cells);
  const rows = cells.map((cell) => binned(cell, domain[1]));
  const names = rows.flatMap((row) => row.bins.map((bin) => bin.what));
  const frame: Frame = { columns: 1, gutterPx: labelPx(names) + 80 };
  return topLevel(frame, {
    spacing: 14,
    vconcat: rows.map(({ bins, totals }, index) =>
      panel({
        title: cells[index]?.policy ?? '',
        bins,
        totals,
        domain,
        width: plotWidth(frame),
        isLowest: index === rows.length - 1,
      }),
    ),
  });
}

interface Bin {
  readonly what: string;
  readonly start: number;
  readonly end: number;
  readonly middle: number;
  readonly count: number;
  readonly refused: number;
  /** Square root of the share of the row's fullest bin. */
  readonly weight: number;
}

function binned(cell: DoneCell, endS: number) {
  const width = endS / numBins;
  const counts = new Map<string, { what: string; index: number; count: number; refused: number }>();
  const totals = new Map<string, { total: number; most: number }>();
  for (const row of cell.decisions) {
    const what = `${row.policy}: ${row.kind}`;
    const index = Math.min(numBins - 1, Math.floor(row.time_us / 1e6 / width));
    const key = `${what}/${index}`;
    const bin = counts.get(key) ?? { what, index, count: 0, refused: 0 };
    counts.set(key, bin);
    bin.count += 1;
    if (row.outcome === 'rejected') bin.refused += 1;
    const total = totals.get(what) ?? { total: 0, most: 0 };
    totals.set(what, { total: total.total + 1, most: Math.max(total.most, bin.count) });
  }
  const bins = [...counts.values()].map(({ what, index, count, refused }): Bin => {
    const most = totals.get(what)?.most ?? 1;
    const [start, end] = [roundForPicture(index * width), roundForPicture((index + 1) * width)];
    return {
      what,
      start,
      end,
      middle: roundForPicture((index + 0.5) * width),
      count,
      refused,
      weight: roundForPicture(Math.sqrt(count / most)),
    };
  });
  return {
    bins,
    totals: [...totals].map(([what, { total }]) => ({ what, total: formatNumber(total), end: endS })),
  };
}

interface PanelOptions {
  readonly title: string;
  readonly bins: readonly Bin[];
  readonly totals: readonly { what: string; total: string; end: number }[];
  readonly domain: readonly [number, number];
  readonly width: number;
  readonly isLowest: boolean;
}

function panel({ title, bins, totals, domain, width, isLowest }: PanelOptions) {
  const x = timeAxis(domain, isLowest);
  const y = {
    field: 'what',
    type: 'nominal' as const,
    sort: totals.map(({ what }) => what),
    axis: { title: null },
  };
  return {
    title,
    width,
    height: { step: 20 },
    layer: [
      {
        data: { values: [...bins] },
        mark: { type: 'rect' as const, color: colour('stack0'), height: { band: 0.72 } },
        encoding: {
          x: { field: 'start', ...x },
          x2: { field: 'end' },
          y,
          opacity: {
            field: 'weight',
            type: 'quantitative' as const,
            scale: { domain: [0, 1], range: [0.12, 1] },
            legend: null,
          },
          tooltip: [
            { field: 'what', type: 'nominal' as const, title: 'decision' },
            { field: 'start', type: 'quantitative' as const, title: 'from, s' },
            { field: 'count', type: 'quantitative' as const },
            { field: 'refused', type: 'quantitative' as const },
          ],
        },
      },
      {
        data: { values: bins.filter((bin) => bin.refused > 0) },
        mark: {
          type: 'point' as const,
          shape: 'cross',
          angle: 45,
          size: 50,
          filled: true,
          color: colour('ink'),
        },
        encoding: { x: { field: 'middle', type: 'quantitative' as const }, y },
      },
      {
        data: { values: [...totals] },
        mark: { type: 'text' as const, align: 'left' as const, dx: 6, color: colour('muted') },
        encoding: {
          x: { field: 'end', type: 'quantitative' as const },
          y,
          text: { field: 'total', type: 'nominal' as const },
        },
      },
    ],
  };
}
