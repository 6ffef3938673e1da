import { bin, group, max } from 'd3-array';
import type { DecisionRow } from '../../harness/metrics/results.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { DoneCell } from '../load.ts';
import { shownSeed } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { shownCells, timeDomain } from './arrivals.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import { labelPx, laneTotals, lanes, layer, stackPanels, tips } from './grammar/index.ts';
import type { Panel } from './grammar/index.ts';

const numBins = 60;

export const decisions: Chart = {
  title: 'Decisions over time',
  question: 'What did each policy decide, and when?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => cell.decisions.length > 0);
    if (cells.length === 0) return absent('No policy decided anything.');
    const domain = timeDomain(cells);
    const frame = { columns: 1, gutterPx: labelPx(cells.flatMap((cell) => cell.decisions.map(laneOf))) + 80 };
    const panels = cells.map((cell) => panelOf(cell, domain[1]));
    return {
      kind: 'drawn',
      spec: stackPanels(frame, panels, { time: { domain, bursts: [] } }),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one row a policy and kind of decision, with their number at the right. Counted in ${numBins} bins of time: the darker, the more, ` +
        'by the square root and up to the fullest bin of the row. Crosses: decisions that the core refused.',
    };
  },
};

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map((cell) => {
    const refused = cell.decisions.filter(isRefused).length;
    const text = `${cell.policy} ${formatNumber(cell.decisions.length)} (${formatNumber(refused)} refused)`;
    return { text, score: cell.decisions.length };
  });
  return `Number of decisions: ${listOrExtremes(parts)}.`;
}

function laneOf({ policy, kind }: DecisionRow): string {
  return `${policy}: ${kind}`;
}

function isRefused({ outcome }: DecisionRow): boolean {
  return outcome === 'rejected';
}

function panelOf({ policy, decisions: rows }: DoneCell, endS: number): Panel {
  const byLane = group(rows, laneOf);
  const bins = [...byLane].flatMap(([lane, own]) => binsOf(lane, own, endS));
  const totals = new Map([...byLane].map(([lane, own]) => [lane, formatNumber(own.length)]));
  return lanes({
    title: policy,
    stack: policy,
    names: [...byLane.keys()],
    rows: bins,
    hue: colour('stack0'),
    thickness: 0.72,
    mostPx: 20,
    pictureHeightPx: Infinity,
    encoding: {
      opacity: {
        field: 'weight',
        type: 'quantitative',
        scale: { domain: [0, 1], range: [0.12, 1] },
        legend: null,
      },
      tooltip: tips({ lane: 'decision', start: 'from, s', count: 'count', refused: 'refused' }),
    },
    texts: [laneTotals(totals)],
    over: [
      layer(
        { type: 'point', shape: 'cross', angle: 45, size: 50, filled: true, color: colour('ink') },
        bins.filter(({ refused }) => refused > 0),
        { x: { field: 'middle' }, y: { field: 'lane' } },
      ),
    ],
  });
}

/** Decisions of one kind in equal stretches of time; weight: square root of the share of the row's fullest bin. */
function binsOf(lane: string, rows: readonly DecisionRow[], endS: number) {
  const width = endS / numBins;
  const edges = Array.from({ length: numBins - 1 }, (_, index) => (index + 1) * width);
  const inSeconds = bin<DecisionRow, number>()
    .value(({ time_us: timeUs }) => timeUs / 1e6)
    .domain([0, endS])
    .thresholds(edges);
  const bins = inSeconds(rows);
  const most = max(bins, ({ length }) => length) ?? 1;
  return bins.flatMap((own, index) => {
    if (own.length === 0) return [];
    return {
      lane,
      start: roundForPicture(index * width),
      end: roundForPicture((index + 1) * width),
      middle: roundForPicture((index + 0.5) * width),
      count: own.length,
      refused: own.filter(isRefused).length,
      weight: roundForPicture(Math.sqrt(own.length / most)),
    };
  });
}
