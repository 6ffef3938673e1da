import { hasScaled } from '../fleet.ts';
import { formatNumber, formatPercent, listOrExtremes } from '../format.ts';
import type { Results } from '../load.ts';
import { familyLabels, familyLooks, shownStacks } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import { costAxis, costMarks, costPoints } from './cost-points.ts';
import type { CostPoint, CostPoints } from './cost-points.ts';
import { between, extent, labelPx, layer, notes, stackPanels } from './grammar/index.ts';
import type { Layer } from './grammar/index.ts';

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
    const points = costPoints(results, 'slo_attainment');
    if (points.means.length === 0) return absent('No class of requests has a target.');
    const frontier = frontierOf(points.means);
    return {
      kind: 'drawn',
      spec: specOf(results, points, frontier),
      answer: answerOf(frontier),
      caption:
        'Large: mean over the seeds; faint: each seed; colour and shape: the family. Further left is cheaper, further up is better. ' +
        'The stepped line joins the means for which no other stack is both cheaper and better; bounds are left out of it. ' +
        'Differences in cost or attainment along it may be noise: the verdicts above say which are not.',
    };
  },
};

/** Stacks that nobody beats on both axes, from the cheapest on. */
export function frontierOf<P extends Pick<CostPoint, 'cost' | 'value' | 'family'>>(
  points: readonly P[],
): P[] {
  const frontier: P[] = [];
  const rivals = points.filter(({ family }) => family !== familyLabels.bound);
  for (const point of rivals.toSorted((a, b) => a.cost - b.cost || b.value - a.value)) {
    if (point.value > (frontier.at(-1)?.value ?? -1)) frontier.push(point);
  }
  return frontier;
}

function answerOf(frontier: readonly CostPoint[]): string {
  if (frontier.length === 0) return 'Only the bound finished.';
  const parts = frontier.map(({ stack, cost, value }) => ({
    text: `${stack} (${formatNumber(cost)} instance-seconds, ${formatPercent(value)})`,
    score: cost,
  }));
  return `Not beaten on both, on average: ${listOrExtremes(parts)}.`;
}

function specOf(results: Results, points: CostPoints, frontier: readonly CostPoint[]) {
  const looks = familyLooks(shownStacks(results));
  const shares = extent([...points.means, ...points.seeds].map(({ value }) => value));
  const air = Math.max(0.01, (shares.high - shares.low) * 0.12);
  const low = roundForPicture(Math.max(0, shares.low - air));
  const high = roundForPicture(Math.min(1.005, shares.high + air));
  const gutterPx = labelPx(points.means.map(({ stack }) => stack)) + 100;
  return stackPanels({ columns: 1, gutterPx, legend: looks.map(({ name }) => name) }, [
    {
      height: heightPx,
      x: costAxis(points),
      y: between(low, high, { title: 'SLO attainment', format: '.0%', tickCount: 5 }),
      layers: [
        frontierLine(frontier),
        ...nameLayers(points.means, { low, high }),
        costMarks(points, { by: 'family', looks, valueTip: { title: 'SLO attainment', format: '.1%' } }),
      ],
    },
  ]);
}

function frontierLine(frontier: readonly CostPoint[]): Layer {
  return layer(
    { type: 'line', interpolate: 'step-after', color: colour('muted'), strokeWidth: 1.4 },
    frontier,
    { x: { field: 'cost' }, y: { field: 'value' } },
  );
}

interface Heights {
  readonly low: number;
  readonly high: number;
}

/** Names stand in a column beside the picture, each joined to its point: stacks of one cost would cover each other's. */
function nameLayers(points: readonly CostPoint[], heights: Heights): Layer[] {
  const names = spread(points, heights);
  const leaders = names.map(({ cost, value, at: end }) => ({ cost, value, end }));
  return [
    layer({ type: 'rule', color: colour('axis'), strokeWidth: 0.8 }, leaders, {
      x: { field: 'cost' },
      x2: { value: 'width' },
      y: { field: 'value' },
      y2: { field: 'end' },
    }),
    notes(names, 'stack', { y: { field: 'at' } }, { x: 'width', dx: 5, color: colour('ink') }),
  ];
}

/** The points with the heights of their names: none closer to the next than a line, and none below the picture. */
function spread(points: readonly CostPoint[], { low, high }: Heights): (CostPoint & { at: number })[] {
  const least = ((high - low) * linePx) / heightPx;
  let above = high + least;
  const down = points
    .toSorted((a, b) => b.value - a.value || a.cost - b.cost)
    .map((point) => ({ ...point, at: (above = Math.min(point.value, above - least)) }));
  let below = low - least;
  return down.toReversed().map((point) => {
    below = Math.max(point.at, below + least);
    return { ...point, at: roundForPicture(below) };
  });
}
