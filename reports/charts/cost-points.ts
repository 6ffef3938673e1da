import type { StackInfo } from '../../harness/metrics/results.ts';
import { figureOf } from '../figures.ts';
import type { FigureKey } from '../figures.ts';
import { cellsOf } from '../load.ts';
import type { Results } from '../load.ts';
import { familyLabels, shownStacks } from '../stacks.ts';
import { roundForPicture } from '../thin.ts';
import { between, byLook, extent, layer, legends, tips } from './grammar/index.ts';
import type { Layer, Look, Position } from './grammar/index.ts';

/** Where a stack stands between its cost and another figure. */
export interface CostPoint {
  readonly stack: string;
  readonly family: string;
  /** Instance-seconds. */
  readonly cost: number;
  readonly value: number;
  /** `mean` for the mean over the seeds. */
  readonly seed: string;
}

/** Means over the seeds, and the seeds themselves. */
export interface CostPoints {
  readonly means: readonly CostPoint[];
  /** Of stacks with several. */
  readonly seeds: readonly CostPoint[];
}

/** Of every shown stack that has the figure; lower ones stand at `least`, the foot of a logarithmic axis. */
export function costPoints(results: Results, key: FigureKey, least = 0): CostPoints {
  const stacks = shownStacks(results);
  const pointAt = ({ name, family }: StackInfo, seed: string, cost?: number, value?: number | null) => {
    if (cost === undefined || value === undefined || value === null) return [];
    const place = { cost: roundForPicture(cost), value: roundForPicture(Math.max(least, value)) };
    return [{ stack: name, family: familyLabels[family], seed, ...place }];
  };
  const means = stacks.flatMap((stack) => {
    const cost = figureOf(results, stack, 'instance_seconds');
    return pointAt(stack, 'mean', cost?.mean, figureOf(results, stack, key)?.mean);
  });
  const seeds = stacks.flatMap((stack) => {
    const cells = cellsOf(results, stack);
    if (cells.length < 2) return [];
    return cells.flatMap(({ seed, summary }) =>
      pointAt(stack, String(seed), summary.instance_seconds, summary[key]),
    );
  });
  return { means, seeds };
}

/** Around all costs, with a little air. */
export function costAxis({ means, seeds }: CostPoints): Position {
  const { low, high } = extent([...means, ...seeds].map(({ cost }) => cost));
  const axis = { title: 'instance-seconds', grid: true, tickCount: 6 };
  return between(roundForPicture(low * 0.94), roundForPicture(high * 1.06), axis);
}

interface CostLook {
  readonly by: 'stack' | 'family';
  readonly looks: readonly Look[];
  readonly valueTip: { readonly title: string; readonly format: string };
}

/** A large mark for each mean over a small, faint one for each seed. */
export function costMarks({ means, seeds }: CostPoints, { by, looks, valueTip }: CostLook): Layer {
  const { color, shape } = byLook(by, looks, legends.points);
  const test = "datum.seed === 'mean'";
  return layer({ type: 'point', filled: true }, [...seeds, ...means], {
    x: { field: 'cost' },
    y: { field: 'value' },
    color,
    shape,
    size: { condition: { test, value: 130 }, value: 32 },
    opacity: { condition: { test, value: 1 }, value: 0.45 },
    tooltip: [
      ...tips('stack', 'family', 'seed', { cost: 'instance-seconds' }),
      { field: 'value', type: 'quantitative', ...valueTip },
    ],
  });
}
