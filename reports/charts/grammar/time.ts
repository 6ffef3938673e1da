import type { MarkDef } from 'vega-lite/types_unstable/mark.js';
import { colour } from '../../theme.ts';
import { layer } from './layer.ts';
import type { Encoding, Layer, Position, Rows } from './layer.ts';
import { byLook, legends, orderOf } from './looks.ts';
import type { Look } from './looks.ts';

/** A stretch of the time axis, seconds. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** The axis that all panels over time share, seconds, and where they are tinted. */
export interface TimeAxis {
  readonly domain: readonly [number, number];
  readonly bursts: readonly Stretch[];
}

/** Which field of the rows is drawn over their field `s`, and what tells the kinds in it apart. */
interface OverTime {
  readonly y: string;
  /** Names the kind of a row. */
  readonly by: string;
  readonly looks: readonly Look[];
}

interface Lines extends OverTime {
  readonly look?: Partial<MarkDef>;
  readonly tooltip?: Encoding['tooltip'];
}

/** A line for each kind; every value holds until the next. */
export function timeLines(rows: Rows, { y, by, looks, look = {}, tooltip }: Lines): Layer {
  const { color, strokeDash } = byLook(by, looks, legends.lines);
  const line = timeLine(rows, y, look);
  return {
    ...line,
    encoding: { ...line.encoding, color, strokeDash, ...(tooltip === undefined ? {} : { tooltip }) },
  };
}

/** One line; every value holds until the next. */
export function timeLine(rows: Rows, y: string, look: Partial<MarkDef>): Layer {
  const mark: MarkDef = { strokeWidth: 1.8, ...look, type: 'line', interpolate: 'step-after' };
  return layer(mark, rows, { x: { field: 's' }, y: { field: y } });
}

/** Areas stacked on each other in the order of the looks, the first at the bottom. */
export function timeAreas(rows: Rows, { y, by, looks }: OverTime): Layer {
  const { order, transform } = orderOf(by, looks);
  const area = layer({ type: 'area', interpolate: 'step-after', clip: true }, rows, {
    x: { field: 's' },
    y: { field: y, type: 'quantitative', stack: 'zero' },
    color: byLook(by, looks, legends.areas).color,
    order,
  });
  return { ...area, transform };
}

/** Tints bursts behind the other layers. */
export function burstLayer(bursts: readonly Stretch[]): Layer {
  return layer({ type: 'rect', color: colour('burst') }, bursts, {
    x: { field: 'start' },
    x2: { field: 'end' },
  });
}

/** The shared time axis; only the lowest panel writes it. */
export function timePosition([start, end]: TimeAxis['domain'], isLowest: boolean): Position {
  const grid = { tickCount: 10, grid: true };
  return {
    type: 'quantitative',
    scale: { domain: [start, end], nice: false },
    axis: isLowest
      ? { ...grid, title: 'seconds since the start of the run', labelOverlap: 'greedy', labelSeparation: 6 }
      : { ...grid, title: null, labels: false, ticks: false, domain: false },
  };
}
