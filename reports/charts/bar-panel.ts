import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { formatNumber, formatPercent } from '../format.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { stackScales } from '../stacks.ts';
import { colour } from '../theme.ts';
import { roundForPicture } from '../thin.ts';
import { scaleFrom0 } from './chart.ts';

interface BarPanelOptions {
  readonly key: FigureKey;
  readonly title: string;
  readonly subtitle?: string;
  readonly unit: 'count' | 'ratio';
  readonly width: number;
}

/** One figure of each stack: a bar for the mean over the seeds, a dot for each seed, the mean in figures beside them. */
export function barPanel(
  results: Results,
  stacks: readonly StackInfo[],
  { key, title, subtitle, unit, width }: BarPanelOptions,
) {
  const scales = stackScales(results, stacks);
  const means = stacks.map((stack) => {
    const figure = figureOf(results, stack, key);
    const label = unit === 'ratio' ? formatPercent(figure?.mean) : formatNumber(figure?.mean);
    return {
      stack: stack.name,
      value: roundForPicture(figure?.mean ?? 0),
      end: roundForPicture(figure?.high ?? 0),
      label,
    };
  });
  const seeds = stacks.flatMap((stack) =>
    cellsOf(results, stack).map(({ seed, summary }) => ({ stack: stack.name, seed, value: summary[key] })),
  );
  const format = unit === 'ratio' ? { format: '~%' } : { tickMinStep: 1 };
  const axis = { title: null, grid: true, tickCount: 4, ...format };
  const scale = scaleFrom0(means.map(({ end }) => end));
  const x = { field: 'value', type: 'quantitative' as const, ...scale, axis };
  const y = {
    field: 'stack',
    type: 'nominal' as const,
    sort: scales.colour.domain,
    axis: { title: null },
  };
  return {
    title: { text: title, ...(subtitle === undefined ? {} : { subtitle }) },
    width,
    height: { step: 28 },
    layer: [
      {
        data: { values: means },
        mark: { type: 'bar' as const, height: 14, opacity: 0.85 },
        encoding: {
          x,
          y,
          color: { field: 'stack', type: 'nominal' as const, scale: scales.colour, legend: null },
        },
      },
      {
        data: { values: seeds },
        mark: { type: 'point' as const, filled: true, size: 18, color: colour('ink'), opacity: 0.8 },
        encoding: { x, y },
      },
      {
        data: { values: means },
        mark: { type: 'text' as const, align: 'left' as const, dx: 8, color: colour('muted') },
        encoding: {
          x: { field: 'end', type: 'quantitative' as const },
          y,
          text: { field: 'label', type: 'nominal' as const },
        },
      },
    ],
  };
}
