import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import { hasScaled } from '../fleet.ts';
import { formatNumber, formatPercent, listOrExtremes } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { familyLabels, familyStyles, shownStacks } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { absent, extent, labelPx, plotWidth, topLevel } from './chart.ts';
import type { Chart, Frame } from './chart.ts';

const heightPx = 300;
/** Of a name beside the picture. */
const linePx = 15;

export const costAttainment: Chart = {
  title: 'Cost against SLO attainment',
  question: 'Which stacks give the most requests in time for their cost?',
  draw(results) {
    if (!shownStacks(results).some((stack) => hasScaled(results, stack))) {
      return absent('No stack asked for instances or gave any back.');
    }
    const points = pointsOf(results);
    if (points.length === 0) return absent('No class of requests has a target.');
    const frontier = frontierOf(points);
    return {
      kind: 'drawn',
      spec: specOf(points, frontier, seedPointsOf(results)),
      answer: answerOf(frontier),
      caption:
        'Large: mean over the seeds; faint: each seed; colour and shape: the family. Further left is cheaper, further up is better. ' +
        'The stepped line joins the means for which no other stack is both cheaper and better; bounds are left out of it. ' +
        'Differences in cost or attainment along it may be noise: the verdicts above say which are not.',
    };
  },
};

interface Point {
  readonly stack: string;
  readonly family: StackInfo['family'];
  readonly cost: number;
  readonly share: number;
  /** `mean` for the mean over the seeds. */
  readonly seed: string;
}

function pointsOf(results: Results): Point[] {
  return shownStacks(results).flatMap((stack) => {
    const cost = figureOf(results, stack, 'instance_seconds');
    const share = figureOf(results, stack, 'slo_attainment');
    if (cost === undefined || share === undefined) return [];
    return [pointOf(stack, 'mean', { cost: cost.mean, share: share.mean })];
  });
}

function seedPointsOf(results: Results): Point[] {
  return shownStacks(results).flatMap((stack) => {
    const cells = cellsOf(results, stack);
    if (cells.length < 2) return [];
    return cells.flatMap(({ seed, summary: { instance_seconds: cost, slo_attainment: share } }) =>
      share === null ? [] : [pointOf(stack, String(seed), { cost, share })],
    );
  });
}

function pointOf({ name, family }: StackInfo, seed: string, at: { cost: number; share: number }): Point {
  return { stack: name, family, seed, cost: roundForPicture(at.cost), share: roundForPicture(at.share) };
}

/** Stacks that nobody beats on both axes, from the cheapest on. */
export function frontierOf<P extends Pick<Point, 'cost' | 'share' | 'family'>>(points: readonly P[]): P[] {
  const frontier: P[] = [];
  const rivals = points.filter(({ family }) => family !== 'bound');
  for (const point of rivals.toSorted((a, b) => a.cost - b.cost || b.share - a.share)) {
    if (point.share > (frontier.at(-1)?.share ?? -1)) frontier.push(point);
  }
  return frontier;
}

function answerOf(frontier: readonly Point[]): string {
  if (frontier.length === 0) return 'Only the bound finished.';
  const parts = frontier.map(({ stack, cost, share }) => ({
    text: `${stack} (${formatNumber(cost)} instance-seconds, ${formatPercent(share)})`,
    score: cost,
  }));
  return `Not beaten on both, on average: ${listOrExtremes(parts)}.`;
}

function specOf(points: readonly Point[], frontier: readonly Point[], seedPoints: readonly Point[]) {
  const names = points.map(({ stack }) => stack);
  const families = new Set(points.map(({ family }) => familyLabels[family]));
  const frame: Frame = { columns: 1, gutterPx: labelPx(names) + 100, legend: [...families] };
  const all = [...points, ...seedPoints];
  const cost = extent(all.map((point) => point.cost));
  const shares = extent(all.map(({ share }) => share));
  const air = Math.max(0.01, (shares.high - shares.low) * 0.12);
  const axes: Axes = {
    cost: [roundForPicture(cost.low * 0.94), roundForPicture(cost.high * 1.06)],
    share: [
      roundForPicture(Math.max(0, shares.low - air)),
      roundForPicture(Math.min(1.005, shares.high + air)),
    ],
  };
  return topLevel(frame, {
    width: plotWidth(frame),
    height: heightPx,
    layer: [
      frontierLayer(frontier, axes),
      nameLayer(points, axes),
      pointLayer([...seedPoints, ...points], axes),
    ],
  });
}

interface Axes {
  readonly cost: [number, number];
  readonly share: [number, number];
}

function positions({ cost, share }: Axes) {
  return {
    x: {
      field: 'cost',
      type: 'quantitative' as const,
      scale: { domain: cost, nice: false, zero: false },
      axis: { title: 'instance-seconds', grid: true, tickCount: 6 },
    },
    y: {
      field: 'share',
      type: 'quantitative' as const,
      scale: { domain: share, nice: false, zero: false },
      axis: { title: 'SLO attainment', format: '.0%', tickCount: 5 },
    },
  };
}

function pointLayer(points: readonly Point[], axes: Axes) {
  const families = [...new Set(points.map(({ family }) => family))];
  const domain = families.map((family) => familyLabels[family]);
  const legend = { symbolSize: 110, symbolOpacity: 1 };
  const isMean = "datum.seed === 'mean'";
  return {
    data: { values: points.map((point) => ({ ...point, family: familyLabels[point.family] })) },
    mark: { type: 'point' as const, filled: true },
    encoding: {
      ...positions(axes),
      color: {
        field: 'family',
        type: 'nominal' as const,
        scale: { domain, range: families.map((family) => familyStyles[family].colour) },
        legend,
      },
      shape: {
        field: 'family',
        type: 'nominal' as const,
        scale: { domain, range: families.map((family) => familyStyles[family].shape) },
        legend,
      },
      size: { condition: { test: isMean, value: 130 }, value: 30 },
      opacity: { condition: { test: isMean, value: 1 }, value: 0.4 },
      tooltip: [
        { field: 'stack', type: 'nominal' as const },
        { field: 'family', type: 'nominal' as const },
        { field: 'seed', type: 'nominal' as const },
        { field: 'cost', type: 'quantitative' as const, title: 'instance-seconds' },
        { field: 'share', type: 'quantitative' as const, title: 'SLO attainment', format: '.1%' },
      ],
    },
  };
}

function frontierLayer(frontier: readonly Point[], axes: Axes) {
  return {
    data: { values: frontier.map(({ cost, share }) => ({ cost, share })) },
    mark: {
      type: 'line' as const,
      interpolate: 'step-after' as const,
      color: colour('muted'),
      strokeWidth: 1.4,
    },
    encoding: positions(axes),
  };
}

/** Names stand in a column beside the picture, each joined to its point: stacks of one cost would cover each other's. */
function nameLayer(points: readonly Point[], axes: Axes) {
  const [low, high] = axes.share;
  const least = ((high - low) * linePx) / heightPx;
  const values = spread(points, { least, low, high }).map(({ point, at }) => ({
    stack: point.stack,
    cost: point.cost,
    share: point.share,
    at,
    edge: axes.cost[1],
  }));
  const { x, y } = positions(axes);
  return {
    data: { values },
    layer: [
      {
        mark: { type: 'rule' as const, color: colour('axis'), strokeWidth: 0.8 },
        encoding: { x, x2: { field: 'edge' }, y, y2: { field: 'at' } },
      },
      {
        mark: { type: 'text' as const, align: 'left' as const, dx: 5 },
        encoding: {
          x: { ...x, field: 'edge' },
          y: { ...y, field: 'at' },
          text: { field: 'stack', type: 'nominal' as const },
        },
      },
    ],
  };
}

/** Heights in the order of the points, none closer to the next than `least`, and none below the picture. */
function spread(
  points: readonly Point[],
  { least, low, high }: { least: number; low: number; high: number },
): { point: Point; at: number }[] {
  let above = high + least;
  const down = points
    .toSorted((a, b) => b.share - a.share || a.cost - b.cost)
    .map((point) => {
      above = Math.min(point.share, above - least);
      return { point, at: above };
    });
  let below = low - least;
  return down.toReversed().map(({ point, at }) => {
    below = Math.max(at, below + least);
    return { point, at: roundForPicture(below) };
  });
}
