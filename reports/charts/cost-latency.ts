import { greatest } from 'd3-array';
import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import { formatNumber } from '../format.ts';
import type { Results } from '../load.ts';
import { shownStacks, stackLooks } from '../stacks.ts';
import { absent } from './chart.ts';
import type { Chart } from './chart.ts';
import { costAxis, costMarks, costPoints } from './cost-points.ts';
import type { CostPoints } from './cost-points.ts';
import { logarithmicAround, msLabels, stackPanels } from './grammar/index.ts';

/** The foot of the logarithmic axis. */
const leastMs = 0.001;

export const costLatency: Chart = {
  title: 'Cost against latency',
  question: 'What does a shorter wait cost in instance-seconds?',
  draw(results) {
    const points = costPoints(results, 'p99_ttft_ms', leastMs);
    if (points.means.length === 0) return absent('No finished cell has both a cost and a TTFT.');
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

function specOf(results: Results, points: CostPoints) {
  const looks = stackLooks(results, shownStacks(results));
  const waits = [...points.means, ...points.seeds].map(({ value }) => value);
  const valueTip = { title: 'TTFT p99, ms', format: ',.4~r' };
  return stackPanels({ columns: 1, gutterPx: 72, legend: looks.map(({ name }) => name) }, [
    {
      height: 280,
      x: costAxis(points),
      y: logarithmicAround(waits, 1.6, { title: 'TTFT p99, logarithmic', labelExpr: msLabels }),
      layers: [costMarks(points, { by: 'stack', looks, valueTip })],
    },
  ]);
}
