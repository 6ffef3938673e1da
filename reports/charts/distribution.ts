import { quantileOfSorted, sorted } from '../../harness/base/stats.ts';
import type { RequestRow, StackInfo } from '../../harness/metrics/results.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackLooks } from '../stacks.ts';
import { colour } from '../theme.ts';
import { cumulative, roundForPicture } from '../thin.ts';
import { absent, shareOfPoints, targetsMs } from './chart.ts';
import type { Chart } from './chart.ts';
import {
  between,
  byLook,
  extent,
  layer,
  legends,
  logarithmic,
  msLabels,
  notes,
  stackPanels,
  targetRules,
} from './grammar/index.ts';
import type { Encoding, Layer, Look } from './grammar/index.ts';

interface DistributionOptions {
  readonly title: string;
  readonly question: string;
  /** Axis title. */
  readonly label: string;
  /** Short name in sentences. */
  readonly short: string;
  /** Of what its upright line is the target; none where there is no such target. */
  readonly target?: 'ttftUs' | 'tpotUs';
  /** Leaves the other requests out altogether; without it all offered requests count. */
  readonly only?: { readonly isMeant: (row: RequestRow) => boolean; readonly words: string };
  /** Milliseconds; `undefined` where the request has no such time. */
  readonly valueOf: (row: RequestRow) => number | undefined;
}

/** The foot of the logarithmic axis. */
const leastMs = 0.001;
/** Points of all lines together; keeps the page small however many seeds there are. */
const maxPoints = 3000;

/** Cumulative distribution of a request time, one line a stack over a logarithmic axis. */
export function distributionChart(options: DistributionOptions): Chart {
  return {
    title: options.title,
    question: options.question,
    draw(results) {
      const stacks = shownStacks(results);
      const lines = stacks.flatMap((stack) => linesOf(results, stack, options));
      if (lines.every((line) => line.values.length === 0)) {
        return absent(
          options.only === undefined ? 'No request has this time.' : `There are no ${options.only.words}.`,
        );
      }
      const numPoints = shareOfPoints(maxPoints, lines.length, { least: 24, most: 150 });
      return {
        kind: 'drawn',
        spec: specOf(results, lines, { ...options, numPoints }),
        answer: answerOf(lines, options),
        caption:
          `Thick: all seeds pooled; thin: each seed. ${shareWords(options)}${options.target === undefined ? '' : 'Dashed upright: the target. '}` +
          `Each line is thinned to at most ${numPoints} quantiles, a third of them above 90 %.`,
      };
    },
  };
}

interface Line {
  readonly stack: string;
  readonly seed: string;
  readonly values: Float64Array;
  /** Requests that the share is of. */
  readonly total: number;
  readonly offered: number;
}

const pooled = 'all';

function shareWords({ only }: DistributionOptions): string {
  return only === undefined
    ? 'The share is of all offered requests, so a line that ends below 100 % has requests without this time (refused, failed, cancelled or unfinished). '
    : `The share is of the ${only.words} of each stack, which are not equally many. `;
}

function linesOf(results: Results, stack: StackInfo, { valueOf, only }: DistributionOptions): Line[] {
  const cells = cellsOf(results, stack);
  const line = (seed: string, all: readonly RequestRow[]): Line => {
    const rows = only === undefined ? all : all.filter(only.isMeant);
    const values = rows.map(valueOf).filter((value) => value !== undefined);
    return { stack: stack.name, seed, values: sorted(values), total: rows.length, offered: all.length };
  };
  const bySeed = cells.length > 1 ? cells.map((cell) => line(String(cell.seed), cell.requests)) : [];
  const all = cells.flatMap((cell) => cell.requests);
  return only !== undefined && !all.some(only.isMeant) ? [] : [...bySeed, line(pooled, all)];
}

function answerOf(lines: readonly Line[], { short, only }: DistributionOptions): string {
  const parts = lines
    .filter((line) => line.seed === pooled && line.values.length > 0)
    .map(({ stack, values, total, offered }) => {
      const [half, tail] = [quantileOfSorted(values, 0.5), quantileOfSorted(values, 0.99)];
      const of = only === undefined ? '' : ` (${formatNumber(total)} of ${formatNumber(offered)} requests)`;
      return { text: `${stack} ${formatNumber(half)} and ${formatNumber(tail)} ms${of}`, score: tail ?? 0 };
    });
  return `Half, and 99 %, of the ${only?.words ?? 'requests'} have a ${short} of at most: ${listOrExtremes(parts)}.`;
}

function specOf(
  results: Results,
  lines: readonly Line[],
  { numPoints, ...options }: DistributionOptions & { numPoints: number },
) {
  const points = lines.flatMap(({ stack, seed, values, total }) =>
    cumulative(values, total, numPoints).map(({ value, share }) => ({
      stack,
      seed,
      ms: Math.max(value, leastMs),
      share,
    })),
  );
  const targets = options.target === undefined ? [] : targetsMs(results, options.target);
  const { low, high } = extent([...points.map(({ ms }) => ms), ...targets]);
  const looks = stackLooks(results, shownStacks(results)).filter(({ name }) =>
    lines.some(({ stack }) => stack === name),
  );
  return stackPanels({ columns: 1, gutterPx: 72, legend: looks.map(({ name }) => name) }, [
    {
      height: 300,
      x: logarithmic(low, high, { title: options.label, maxTicks: 9, labelExpr: msLabels, grid: true }),
      y: between(0, 1, {
        title: `share of ${options.only?.words ?? 'offered requests'}`,
        format: '.0%',
        values: [0, 0.25, 0.5, 0.75, 0.9, 1],
      }),
      layers: [...targetLayers(targets, Math.sqrt(low * high)), ...lineLayers(points, looks)],
    },
  ]);
}

function lineLayers(points: readonly { readonly seed: string }[], looks: readonly Look[]): Layer[] {
  const { color, strokeDash } = byLook('stack', looks, legends.lines);
  const place: Encoding = { x: { field: 'ms' }, y: { field: 'share' }, color };
  const all = points.filter(({ seed }) => seed === pooled);
  const seeds = points.filter(({ seed }) => seed !== pooled);
  return [
    layer({ type: 'line', strokeWidth: 0.8, opacity: 0.35 }, seeds, {
      ...place,
      detail: { field: 'seed', type: 'nominal' },
    }),
    layer({ type: 'line', strokeWidth: 2.4 }, all, {
      ...place,
      strokeDash,
      tooltip: [
        { field: 'stack', type: 'nominal' },
        { field: 'ms', type: 'quantitative', format: ',.3~r' },
        { field: 'share', type: 'quantitative', format: '.1%' },
      ],
    }),
  ];
}

/** Upright rules, each named on the side that has room. */
function targetLayers(targets: readonly number[], middleMs: number): Layer[] {
  const rows = targets.map((ms) => ({ ms: roundForPicture(ms), label: `target ${formatNumber(ms)} ms` }));
  const names = rows.map((row, index) =>
    notes(
      [row],
      'label',
      { x: { field: 'ms' } },
      {
        color: colour('target'),
        y: 8 + 14 * index,
        ...(row.ms > middleMs ? { align: 'right', dx: -5 } : { dx: 5 }),
      },
    ),
  );
  return [targetRules(rows, { x: { field: 'ms' } }), ...names];
}
