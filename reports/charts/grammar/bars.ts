import { colour } from '../../theme.ts';
import { layer, notes } from './layer.ts';
import type { Encoding, Layer, Position, Rows } from './layer.ts';
import { byLook, legends, orderOf } from './looks.ts';
import type { Look } from './looks.ts';
import type { Panel } from './panel.ts';

interface Bars {
  readonly title?: string;
  readonly subtitle?: string;
  /** From the top. */
  readonly names: readonly string[];
  /** Scale and axis of the values. */
  readonly x: Position;
  /** Pixels between a name and the plot, where marks may stand at its edge. */
  readonly labelPadding?: number;
  readonly stepPx: number;
  readonly layers: readonly Layer[];
}

/** Horizontal bars, one row for each name; layers name it as `stack`. */
export function bars({ names, labelPadding, stepPx, layers, ...rest }: Bars): Panel {
  const axis = { title: null, ...(labelPadding === undefined ? {} : { labelPadding }) };
  const y: Panel['y'] = { type: 'nominal', scale: { domain: [...names] }, axis };
  return { ...rest, height: { step: stepPx }, y, layers };
}

/** One bar a row in the colour of its look; from 0, or from `from`. */
export function stackBars(
  rows: Rows,
  field: string,
  { looks, heightPx, from }: { looks: readonly Look[]; heightPx: number; from?: Encoding['x2'] },
): Layer {
  const { color } = byLook('stack', looks, null);
  return layer({ type: 'bar', height: heightPx, opacity: 0.85 }, rows, {
    x: { field },
    ...(from === undefined ? {} : { x2: from }),
    y: { field: 'stack' },
    color,
  });
}

/** Parts of a bar, one row each with the length `x`, from the left in the order of the looks of `by`. */
export function partBars(
  rows: Rows,
  {
    x,
    by,
    looks,
    heightPx,
    tooltip,
  }: {
    x: string;
    by: string;
    looks: readonly Look[];
    heightPx: number;
    tooltip: NonNullable<Encoding['tooltip']>;
  },
): Layer {
  const { order, transform } = orderOf(by, looks);
  const bar = layer({ type: 'bar', height: heightPx }, rows, {
    x: { field: x, stack: 'zero' },
    y: { field: 'stack' },
    color: byLook(by, looks, legends.areas).color,
    order,
    tooltip,
  });
  return { ...bar, transform };
}

/** A dot for each seed over the bar of the mean. */
export function seedDots(rows: Rows, field: string): Layer {
  const mark = {
    type: 'point',
    filled: true,
    size: 18,
    color: colour('ink'),
    opacity: 0.8,
  } satisfies Layer['mark'];
  return layer(mark, rows, { x: { field }, y: { field: 'stack' } });
}

/** An upright line where a ratio says that nothing differs from the baseline. */
export function baselineRule(): Layer {
  return layer({ type: 'rule', color: colour('ink'), strokeWidth: 1 }, [{ ratio: 1 }], {
    x: { field: 'ratio' },
  });
}

/** The figures of each bar, its `label`: to the right of the field `end`, or of the whole panel. */
export function barLabels(rows: Rows, end?: string): Layer {
  const position: Pick<Encoding, 'x' | 'y'> = { y: { field: 'stack' } };
  if (end === undefined) return notes(rows, 'label', position, { x: 'width' });
  return notes(rows, 'label', { ...position, x: { field: end } });
}
