import type { RequestRow } from '../../harness/metrics/results.ts';
import { ttftMsOf } from '../figures.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import type { DoneCell, Results } from '../load.ts';
import { shownSeed, stackNamed, styleOf } from '../stacks.ts';
import { colour } from '../theme.ts';
import { binBy, greatest, roundForPicture } from '../thin.ts';
import { arrivalRates, burstLayer, burstStretches, shownCells, timeAxis, timeDomain } from './arrivals.ts';
import type { Stretch } from './arrivals.ts';
import {
  absent,
  crossPath,
  extent,
  logTicks,
  msLabels,
  plotWidth,
  shareOfPoints,
  targetsMs,
  topLevel,
} from './chart.ts';
import type { Chart, Frame } from './chart.ts';

/** Points of all panels together. */
const allPoints = 3000;

export const ttftOverTime: Chart = {
  title: 'Time to first token over the time of arrival',
  question: 'Which requests does the spike hit, and how long does it last?',
  draw(results) {
    const cells = shownCells(results).filter((cell) => cell.requests.length > 0);
    if (cells.length === 0) return absent('No finished cell has requests.');
    const maxPoints = shareOfPoints(allPoints, cells.length, { least: 150, most: 600 });
    return {
      kind: 'drawn',
      spec: specOf(results, cells, maxPoints),
      answer: answerOf(cells),
      caption:
        `Seed ${shownSeed(results) ?? '?'}; one mark a request at its arrival; logarithmic, the same scale for every stack; triangles: preempted at least once; crosses at the top: no first token. ` +
        `Dashed: the target. Thinned to ${maxPoints} stretches of arrivals a stack, each keeping its slowest request.`,
    };
  },
};

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
  const frame: Frame = { columns: 1, gutterPx: 80 };
  const domain = timeDomain(cells);
  const bursts = burstStretches(arrivalRates(cells[0]?.requests ?? [], domain[1], 80));
  const times = cells.flatMap((cell) => cell.requests.flatMap((row) => ttftMsOf(row) ?? []));
  const targets = targetsMs(results, 'ttftUs');
  const { low, high } = extent(times.length === 0 ? [1, 1000] : [...times, ...targets]);
  const range: [number, number] = [roundForPicture(Math.max(0.1, low) / 1.3), roundForPicture(high * 1.6)];
  return topLevel(frame, {
    spacing: 12,
    vconcat: cells.map((cell, index) =>
      panel(results, cell, {
        domain,
        bursts,
        range,
        maxPoints,
        width: plotWidth(frame),
        isLowest: index === cells.length - 1,
      }),
    ),
  });
}

interface PanelOptions {
  readonly domain: readonly [number, number];
  readonly bursts: readonly Stretch[];
  readonly range: [number, number];
  readonly maxPoints: number;
  readonly width: number;
  readonly isLowest: boolean;
}

function panel(
  results: Results,
  cell: DoneCell,
  { domain, bursts, range, maxPoints, width, isLowest }: PanelOptions,
) {
  const stack = stackNamed(results, cell.policy);
  const hue = stack === undefined ? colour('ink') : styleOf(results, stack).colour;
  const targets = targetsMs(results, 'ttftUs').map((ms) => ({ ms }));
  const y = {
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: range, nice: false },
    axis: { title: null, values: logTicks(...range, 6), labelExpr: msLabels },
  };
  return {
    title: cell.policy,
    width,
    height: 110,
    layer: [
      burstLayer(bursts),
      {
        data: { values: targets },
        mark: { type: 'rule' as const, color: colour('target'), strokeDash: [5, 4], strokeWidth: 1.2 },
        encoding: { y: { field: 'ms', ...y } },
      },
      {
        data: { values: pointsOf(cell.requests, { topMs: range[1], maxPoints }) },
        mark: { type: 'point' as const, filled: true, color: hue, opacity: 0.65 },
        encoding: {
          x: { field: 's', ...timeAxis(domain, isLowest) },
          y: { field: 'ms', ...y },
          shape: {
            field: 'kind',
            type: 'nominal' as const,
            scale: { domain: ['plain', 'preempted', 'none'], range: ['circle', 'triangle-up', crossPath] },
            legend: null,
          },
          size: { condition: { test: "datum.kind === 'plain'", value: 14 }, value: 44 },
          tooltip: [
            { field: 'id', type: 'nominal' as const, title: 'request' },
            { field: 's', type: 'quantitative' as const, title: 'arrived at, s' },
            { field: 'ttft', type: 'nominal' as const, title: 'TTFT' },
          ],
        },
      },
    ],
  };
}

function pointsOf(rows: readonly RequestRow[], { topMs, maxPoints }: { topMs: number; maxPoints: number }) {
  const kept = binBy(rows, (row) => row.arrived_at_us, maxPoints).flatMap(
    (bin) => greatest(bin, (row) => ttftMsOf(row) ?? Infinity) ?? [],
  );
  return kept.map((row) => {
    const ms = ttftMsOf(row);
    return {
      id: row.id,
      s: roundForPicture(row.arrived_at_us / 1e6),
      ms: roundForPicture(Math.max(0.1, ms ?? topMs * 0.85)),
      ttft: ms === undefined ? row.status : `${formatNumber(ms)} ms`,
      kind: ms === undefined ? 'none' : row.preemptions > 0 ? 'preempted' : 'plain',
    };
  });
}
