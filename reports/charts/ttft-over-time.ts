import { greatest } from 'd3-array';
import type { RequestRow } from '../../harness/metrics/results.ts';
import { ttftMsOf } from '../figures.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownSeed, stackNamed, styleOf } from '../stacks.ts';
import { colour } from '../theme.ts';
import { peaksOf, roundForPicture, seconds } from '../thin.ts';
import { shownCells, tintedAxis } from './arrivals.ts';
import { absent, shareOfPoints, targetsMs } from './chart.ts';
import type { Chart } from './chart.ts';
import {
  byLook,
  crossPath,
  extent,
  layer,
  logarithmic,
  msLabels,
  stackPanels,
  targetRules,
  tips,
} from './grammar/index.ts';
import type { Layer, Look, Panel } from './grammar/index.ts';

/** Shorter waits stand at the foot of the axis. */
const leastMs = 0.1;
/** Points of all panels together. */
const allPoints = 3000;

export const ttftOverTime: Chart = {
  title: 'Time to first token over the time of arrival',
  question: 'Which requests does the spike hit, and how long does it last?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => cell.requests.length > 0);
    if (cells.length === 0) return absent('No finished cell has requests.');
    const maxPoints = pointsPerStack(cells);
    return {
      kind: 'drawn',
      spec: specOf(results, cells, maxPoints),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one mark a request at its arrival; logarithmic, the same scale for every stack; triangles: preempted at least once; crosses at the top: no first token. ` +
        `Dashed: the target. Thinned to ${maxPoints} stretches of arrivals a stack, each keeping its slowest request. A click on a mark opens the request’s timeline.`,
    };
  },
};

/** The requests that have a mark, the slowest first. */
export function shownRequests(results: Results): readonly { cell: DoneCell; rows: readonly RequestRow[] }[] {
  const cells = shownCells(results).filter((cell) => cell.requests.length > 0);
  return cells.map((cell) => {
    const kept = slowestOfStretches(cell.requests, pointsPerStack(cells));
    return {
      cell,
      rows: kept.toSorted((a, b) => (ttftMsOf(b) ?? Infinity) - (ttftMsOf(a) ?? Infinity) || a.id - b.id),
    };
  });
}

function pointsPerStack({ length }: readonly DoneCell[]): number {
  return shareOfPoints(allPoints, length, { least: 150, most: 600 });
}

function slowestOfStretches(rows: readonly RequestRow[], maxPoints: number): RequestRow[] {
  return peaksOf(
    rows,
    (row) => row.arrived_at_us,
    maxPoints,
    (row) => ttftMsOf(row) ?? Infinity,
  );
}

function answerOf(cells: readonly DoneCell[]): string {
  const parts = cells.map((cell) => {
    const worst = greatest(cell.requests, (row) => ttftMsOf(row) ?? -1);
    const ms = worst === undefined ? undefined : ttftMsOf(worst);
    const at = worst === undefined ? undefined : worst.arrived_at_us / 1e6;
    return {
      text: `${cell.policy} ${formatNumber(ms)} ms (arrived at ${formatNumber(at)} s)`,
      score: ms ?? 0,
    };
  });
  return `The longest wait for a first token: ${listOrExtremes(parts)}.`;
}

function specOf(results: Results, cells: readonly DoneCell[], maxPoints: number) {
  const targets = targetsMs(results, 'ttftUs');
  const times = cells.flatMap(({ requests }) => requests.flatMap((row) => ttftMsOf(row) ?? []));
  const { low, high } = extent(times.length === 0 ? [1, 1000] : [...times, ...targets]);
  const topMs = roundForPicture(high * 1.6);
  const y = logarithmic(roundForPicture(Math.max(leastMs, low) / 1.3), topMs, { labelExpr: msLabels });
  const panels = cells.map((cell): Panel => {
    const { policy } = cell;
    const stack = stackNamed(results, policy);
    const hue = stack === undefined ? colour('ink') : styleOf(results, stack).colour;
    const rules = targetRules(
      targets.map((ms) => ({ ms })),
      { y: { field: 'ms' } },
    );
    const points = pointsOf(cell, { topMs, maxPoints });
    return { title: policy, stack: policy, height: 110, y, layers: [rules, marks(points, hue)] };
  });
  return stackPanels({ columns: 1, gutterPx: 80 }, panels, { time: tintedAxis(cells), spacing: 12 });
}

/** The caption names the shapes. */
const looks: readonly Look[] = [
  { name: 'plain', shape: 'circle' },
  { name: 'preempted', shape: 'triangle-up' },
  { name: 'none', shape: crossPath },
];

function marks(points: ReturnType<typeof pointsOf>, hue: string): Layer {
  const isPlain = "datum.kind === 'plain'";
  return layer({ type: 'point', filled: true, color: hue, opacity: 0.65 }, points, {
    x: { field: 's' },
    y: { field: 'ms' },
    shape: byLook('kind', looks, null).shape,
    size: { condition: { test: isPlain, value: 14 }, value: 44 },
    tooltip: tips({ request: 'request', s: 'arrived at, s', ttft: 'TTFT' }),
  });
}

function pointsOf(
  { policy, seed, requests }: DoneCell,
  { topMs, maxPoints }: { topMs: number; maxPoints: number },
) {
  return slowestOfStretches(requests, maxPoints).map((row) => {
    const ms = ttftMsOf(row);
    return {
      request: row.id,
      stack: policy,
      seed,
      s: seconds(row.arrived_at_us),
      ms: roundForPicture(Math.max(leastMs, ms ?? topMs * 0.85)),
      ttft: ms === undefined ? row.status : `${formatNumber(ms)} ms`,
      kind: ms === undefined ? 'none' : row.preemptions > 0 ? 'preempted' : 'plain',
    };
  });
}
