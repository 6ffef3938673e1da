import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatNumber, formatPercent } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { stackLooks } from '../stacks.ts';
import { roundForPicture } from '../thin.ts';
import { barLabels, bars, fromZero, seedDots, stackBars } from './grammar/index.ts';
import type { Panel } from './grammar/index.ts';

interface BarPanelOptions {
  readonly key: FigureKey;
  readonly title: string;
  readonly subtitle?: string;
  readonly unit: 'count' | 'ratio';
}

/** One figure of each stack: a bar for the mean over the seeds, a dot for each seed, the mean in figures beside them. */
export function barPanel(
  results: Results,
  stacks: readonly StackInfo[],
  { key, unit, ...titles }: BarPanelOptions,
): Panel {
  const means = stacks.map((stack) => {
    const figure = figureOf(results, stack, key);
    return {
      stack: stack.name,
      value: roundForPicture(figure?.mean ?? 0),
      end: roundForPicture(figure?.high ?? 0),
      label: unit === 'ratio' ? formatPercent(figure?.mean) : formatNumber(figure?.mean),
    };
  });
  const seeds = stacks.flatMap((stack) =>
    cellsOf(results, stack).map(({ seed, summary }) => ({ stack: stack.name, seed, value: summary[key] })),
  );
  const axis = { grid: true, ...(unit === 'ratio' ? { format: '~%' } : { tickMinStep: 1 }) };
  return bars({
    ...titles,
    names: stacks.map(({ name }) => name),
    x: fromZero(
      means.map(({ end }) => end),
      axis,
    ),
    stepPx: 28,
    layers: [
      stackBars(means, 'value', { looks: stackLooks(results, stacks), heightPx: 14 }),
      seedDots(seeds, 'value'),
      barLabels(means, 'end'),
    ],
  });
}
