import { quantileOfSorted, sorted } from '../../harness/base/stats.ts';
import type { RequestRow, StackInfo } from '../../harness/metrics/results.ts';
import { formatNumber, listOrExtremes } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackScales } from '../stacks.ts';
import { colour } from '../theme.ts';
import { cumulative, roundForPicture } from '../thin.ts';
import {
  absent,
  extent,
  lineLegend,
  logTicks,
  msLabels,
  plotWidth,
  shareOfPoints,
  targetsMs,
  topLevel,
} from './chart.ts';
import type { Chart, Frame } from './chart.ts';

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
  options: DistributionOptions & { numPoints: number },
) {
  const frame: Frame = { columns: 1, gutterPx: 72, legend: [...new Set(lines.map(({ stack }) => stack))] };
  const values = lines.flatMap(({ stack, seed, values: times, total }) =>
    cumulative(times, total, options.numPoints).map((point) => ({
      stack,
      seed,
      ms: Math.max(point.value, 0.001),
      share: point.share,
    })),
  );
  const targets = options.target === undefined ? [] : targetsMs(results, options.target);
  const { low, high } = extent([...values.map((row) => row.ms), ...targets]);
  const names = new Set(lines.map((line) => line.stack));
  const scales = stackScales(
    results,
    shownStacks(results).filter((stack) => names.has(stack.name)),
  );
  const ticks = logTicks(low, high, 9);
  const encoding = {
    ...axesOf(options, ticks),
    color: { field: 'stack', type: 'nominal' as const, scale: scales.colour, legend: lineLegend },
  };
  const strokeDash = { field: 'stack', type: 'nominal' as const, scale: scales.dash, legend: lineLegend };
  const line = { type: 'line' as const, interpolate: 'linear' as const };
  return topLevel(frame, {
    width: plotWidth(frame),
    height: 300,
    data: { values },
    layer: [
      ...targetRules(targets, Math.sqrt(low * high)),
      ...(lines.some((one) => one.seed !== pooled)
        ? [
            {
              transform: [{ filter: `datum.seed !== '${pooled}'` }],
              mark: { ...line, strokeWidth: 0.8, opacity: 0.35 },
              encoding: { ...encoding, detail: { field: 'seed', type: 'nominal' as const } },
            },
          ]
        : []),
      {
        transform: [{ filter: `datum.seed === '${pooled}'` }],
        mark: { ...line, strokeWidth: 2.4 },
        encoding: {
          ...encoding,
          strokeDash,
          tooltip: [
            { field: 'stack', type: 'nominal' },
            { field: 'ms', type: 'quantitative', format: ',.3~r' },
            { field: 'share', type: 'quantitative', format: '.1%' },
          ],
        },
      },
    ],
  });
}

function axesOf({ label, only }: DistributionOptions, ticks: number[]) {
  return {
    x: {
      field: 'ms',
      type: 'quantitative' as const,
      scale: { type: 'log' as const, nice: false },
      axis: { title: label, values: ticks, labelExpr: msLabels, grid: true },
    },
    y: {
      field: 'share',
      type: 'quantitative' as const,
      scale: { domain: [0, 1] },
      axis: {
        title: `share of ${only?.words ?? 'offered requests'}`,
        format: '.0%',
        values: [0, 0.25, 0.5, 0.75, 0.9, 1],
      },
    },
  };
}

/** Upright rules, each named on the side that has room. */
function targetRules(targets: readonly number[], middleMs: number) {
  const rule = { type: 'rule' as const, color: colour('target'), strokeDash: [5, 4], strokeWidth: 1.2 };
  return targets.flatMap((ms, index) => {
    const values = [{ ms: roundForPicture(ms), label: `target ${formatNumber(ms)} ms` }];
    const x = { field: 'ms', type: 'quantitative' as const };
    const side = ms > middleMs ? { align: 'right' as const, dx: -5 } : { align: 'left' as const, dx: 5 };
    return [
      { data: { values }, mark: rule, encoding: { x } },
      {
        data: { values },
        mark: { type: 'text' as const, color: colour('target'), y: 8 + 14 * index, ...side },
        encoding: { x, text: { field: 'label', type: 'nominal' as const } },
      },
    ];
  });
}
