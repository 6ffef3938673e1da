import { group, greatest } from 'd3-array';
import type { TimeseriesRow } from '../../harness/metrics/results.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { greatestOf, roundForPicture } from '../thin.ts';
import { shownCells, tintedAxis } from './arrivals.ts';
import { absent, shareOfPoints } from './chart.ts';
import type { Chart } from './chart.ts';
import { laneTotals, lanes, stackPanels, tips } from './grammar/index.ts';
import type { Panel } from './grammar/index.ts';

/** Stretches of time of all lanes together. */
const allStretches = 9000;

export const instanceQueues: Chart = {
  title: 'Queues of the instances',
  question: 'Do requests wait everywhere, or at some instances while others have room?',
  draw(results) {
    const cells = shownCells(results).filter(({ timeseries }) => timeseries.length > 0);
    const longest = greatestOf(cells.map(longestOf));
    if (longest === 0) return absent('No request was ever seen waiting at an instance.');
    const numLanes = cells.reduce((sum, cell) => sum + lanesOf(cell).length, 0);
    const numStretches = shareOfPoints(allStretches, numLanes, { least: 40, most: 150 });
    const time = tintedAxis(cells);
    const panels = cells.map((cell) => panelOf(cell, { longest, stretchS: time.domain[1] / numStretches }));
    return {
      kind: 'drawn',
      spec: stackPanels({ columns: 1, gutterPx: 80 }, panels, { time, spacing: 16 }),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one lane an instance; the darker, the more requests wait there, by the square root and on one scale for all stacks; at the right the longest queue of each. ` +
        `A group’s queue stands at its first member; requests that are held at the cluster wait at no instance. Of each of ${numStretches} stretches of time the longest queue is drawn.`,
    };
  },
};

function longestOf({ timeseries }: DoneCell): number {
  return greatestOf(timeseries.map(({ waiting }) => waiting));
}

function lanesOf({ timeseries }: DoneCell): readonly number[] {
  return [...new Set(timeseries.map(({ instance }) => instance))].toSorted((a, b) => a - b);
}

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map((cell) => {
    const row = greatest(cell.timeseries, ({ waiting }) => waiting);
    const score = row?.waiting ?? 0;
    const where =
      score === 0 ? '' : ` (instance ${row?.instance}, at ${formatNumber((row?.time_us ?? 0) / 1e6)} s)`;
    return { text: `${cell.policy} ${formatNumber(score)}${where}`, score };
  });
  return `Longest queue of one instance: ${listOrExtremes(parts)}.`;
}

interface Scale {
  /** The longest queue of all. */
  readonly longest: number;
  readonly stretchS: number;
}

function panelOf(cell: DoneCell, { longest, stretchS }: Scale): Panel {
  const byInstance = group(cell.timeseries, ({ instance }) => instance);
  const totals = new Map(
    [...byInstance].map(([instance, rows]) => [
      String(instance),
      formatNumber(greatestOf(rows.map((row) => row.waiting))),
    ]),
  );
  return lanes({
    title: cell.policy,
    stack: cell.policy,
    names: lanesOf(cell).map(String),
    rows: [...byInstance].flatMap(([instance, rows]) => stretchesOf(instance, rows, stretchS)),
    hue: colour('stack0'),
    mostPx: 15,
    pictureHeightPx: 240,
    encoding: {
      opacity: {
        field: 'waiting',
        type: 'quantitative',
        scale: { type: 'sqrt', domain: [0, longest], range: [0.05, 1] },
        legend: null,
      },
      tooltip: tips({ lane: 'instance', start: 'from, s', end: 'to, s', waiting: 'waiting, at most' }),
    },
    texts: [laneTotals(totals)],
  });
}

/** The longest queue of each stretch in which any request waits; neighbours that are alike are one. */
function stretchesOf(instance: number, rows: readonly TimeseriesRow[], stretchS: number) {
  const byStretch = group(rows, ({ time_us: timeUs }) => Math.floor(timeUs / 1e6 / stretchS));
  const bars: { lane: string; start: number; end: number; waiting: number }[] = [];
  for (const [index, own] of byStretch) {
    const waiting = greatestOf(own.map((row) => row.waiting));
    if (waiting === 0) continue;
    const [start, end] = [roundForPicture(index * stretchS), roundForPicture((index + 1) * stretchS)];
    const before = bars.at(-1);
    if (before?.end === start && before.waiting === waiting) bars[bars.length - 1] = { ...before, end };
    else bars.push({ lane: String(instance), start, end, waiting });
  }
  return bars;
}
