import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import { formatNumber } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackScales } from '../stacks.ts';
import { greatest, roundForPicture } from '../thin.ts';
import { absent, extent, logTicks, msLabels, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

export const costLatency: Chart = {
  title: 'Cost against latency',
  question: 'What does a shorter wait cost in instance-seconds?',
  draw(results) {
    const points = pointsOf(results);
    if (points.length === 0) return absent('No finished cell has both a cost and a TTFT.');
    return {
      kind: 'drawn',
      spec: specOf(results, points),
      answer: answerOf(results),
      caption:
        'Large: mean over the seeds; small: each seed. Further left is cheaper, further down is faster (logarithmic). ' +
        'Instance-seconds count every instance from the moment it is asked for until it is released.',
    };
  },
};

interface Point {
  readonly stack: string;
  readonly kind: 'mean' | 'seed';
  readonly cost: number;
  readonly ms: number;
  readonly seed: string;
}

function pointsOf(results: Results): Point[] {
  return shownStacks(results).flatMap((stack) => {
    const seeds = cellsOf(results, stack).flatMap((cell): Point[] => {
      const { p99_ttft_ms: ms, instance_seconds: cost } = cell.summary;
      return ms === null ? [] : [point(stack, 'seed', { cost, ms, seed: String(cell.seed) })];
    });
    const cost = figureOf(results, stack, 'instance_seconds');
    const ms = figureOf(results, stack, 'p99_ttft_ms');
    if (cost === undefined || ms === undefined) return seeds;
    return [...seeds, point(stack, 'mean', { cost: cost.mean, ms: ms.mean, seed: 'mean' })];
  });
}

function point(stack: StackInfo, kind: Point['kind'], at: { cost: number; ms: number; seed: string }): Point {
  const ms = roundForPicture(Math.max(at.ms, 0.001));
  return { stack: stack.name, kind, cost: roundForPicture(at.cost), ms, seed: at.seed };
}

function answerOf(results: Results): string {
  const rivals = shownStacks(results).filter((stack) => stack.family !== 'bound');
  const cost = (stack: StackInfo) => figureOf(results, stack, 'instance_seconds')?.mean ?? Infinity;
  const wait = (stack: StackInfo) => figureOf(results, stack, 'p99_ttft_ms')?.mean ?? Infinity;
  const cheapest = greatest(rivals, (stack) => -cost(stack));
  const fastest = greatest(rivals, (stack) => -wait(stack));
  if (cheapest === undefined || fastest === undefined) return 'Only the bound finished.';
  const words = (stack: StackInfo) =>
    `${stack.name} (${formatNumber(cost(stack))} instance-seconds, TTFT p99 ${formatNumber(wait(stack))} ms)`;
  if (cheapest === fastest) return `On average the cheapest is also the fastest: ${words(cheapest)}.`;
  return `On average the cheapest is ${words(cheapest)}, the fastest ${words(fastest)}.`;
}

function specOf(results: Results, points: readonly Point[]) {
  const frame: Frame = { columns: 1, gutterPx: 72, legend: shownStacks(results).map(({ name }) => name) };
  const scales = stackScales(results, shownStacks(results));
  const shape = {
    ...scales.shape,
    range: scales.shape.range.map((name) => (name === 'stroke' ? 'square' : name)),
  };
  const cost = extent(points.map((one) => one.cost));
  const { low, high } = extent(points.map((one) => one.ms));
  const wait = { low: roundForPicture(low / 1.6), high: roundForPicture(high * 1.6) };
  const legend = { symbolSize: 110, symbolOpacity: 1 };
  const encoding = {
    x: {
      field: 'cost',
      type: 'quantitative' as const,
      scale: { domain: [cost.low * 0.94, cost.high * 1.06], nice: false },
      axis: { title: 'instance-seconds', grid: true, tickCount: 6 },
    },
    y: {
      field: 'ms',
      type: 'quantitative' as const,
      scale: { type: 'log' as const, domain: [wait.low, wait.high], nice: false },
      axis: { title: 'TTFT p99, logarithmic', values: logTicks(wait.low, wait.high, 6), labelExpr: msLabels },
    },
    color: { field: 'stack', type: 'nominal' as const, scale: scales.colour, legend },
  };
  return topLevel(frame, {
    width: plotWidth(frame),
    height: 280,
    data: { values: [...points] },
    mark: { type: 'point', filled: true },
    encoding: {
      ...encoding,
      shape: { field: 'stack', type: 'nominal', scale: shape, legend },
      size: { condition: { test: "datum.kind === 'mean'", value: 130 }, value: 34 },
      opacity: { condition: { test: "datum.kind === 'mean'", value: 1 }, value: 0.5 },
      tooltip: [
        { field: 'stack', type: 'nominal' },
        { field: 'seed', type: 'nominal' },
        { field: 'cost', type: 'quantitative', title: 'instance-seconds' },
        { field: 'ms', type: 'quantitative', title: 'TTFT p99, ms' },
      ],
    },
  });
}
