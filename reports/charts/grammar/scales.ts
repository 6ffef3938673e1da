import { extent as extentOf, range } from 'd3-array';
import { roundForPicture } from '../../thin.ts';
import type { Position } from './layer.ts';

type AxisLook = NonNullable<Position['axis']>;
type LogarithmicAxis = AxisLook & { maxTicks?: number };

/** Rows below this height have no room for a text of their own. */
export const leastTextPx = 11;

/** Height of each of many rows of one picture, so that a large cluster still fits a screen. */
export function rowStep(
  numRows: number,
  { pictureHeightPx, mostPx }: { pictureHeightPx: number; mostPx: number },
) {
  return Math.max(6, Math.min(mostPx, Math.floor(pictureHeightPx / numRows)));
}

/** Amounts from 0 on: an axis without a title of its own unless the look says otherwise. */
export function fromZero(values: readonly number[], axis: AxisLook = {}): Position {
  return { type: 'quantitative', ...scaleFrom0(values), axis: { title: null, tickCount: 4, ...axis } };
}

/** Whole numbers from 0 on. */
export function counts(values: readonly number[], axis: AxisLook = {}): Position {
  return fromZero(values, { tickMinStep: 1, ...axis });
}

/** Exactly from `low` to `high`. */
export function between(low: number, high: number, axis: AxisLook = {}): Position {
  const scale = { domain: [low, high], nice: false, zero: false };
  return { type: 'quantitative', scale, axis: { title: null, ...axis } };
}

/** Logarithmic, exactly from `low` to `high`, with ticks at round numbers. */
export function logarithmic(low: number, high: number, axis: LogarithmicAxis = {}): Position {
  const { maxTicks = 6, ...look } = axis;
  return {
    type: 'quantitative',
    scale: { type: 'log', domain: [low, high], nice: false },
    axis: { title: null, values: logTicks(low, high, maxTicks), ...look },
  };
}

/** Logarithmic around all values, of which there is one at least; `air` is the ratio that is left at either end. */
export function logarithmicAround(values: readonly number[], air: number, axis: LogarithmicAxis): Position {
  const { low, high } = extent(values);
  return logarithmic(roundForPicture(low / air), roundForPicture(high * air), axis);
}

/** Vega writes the one tick of an axis from 0 to 0 as 0.000000: where all values are 0 the axis goes to 1. */
export function scaleFrom0(values: readonly number[]): { scale?: { domain: number[] } } {
  return values.some((value) => value > 0) ? {} : { scale: { domain: [0, 1] } };
}

/** Ticks of a logarithmic axis: as dense as `maxTicks` allows, whole decades at the least. */
export function logTicks(low: number, high: number, maxTicks: number): number[] {
  const decades = range(Math.floor(Math.log10(low)), Math.log10(high) + 1);
  const choices = [[1, 2, 5], [1, 3], [1]].map((steps) =>
    decades
      .flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)))
      .filter((tick) => tick >= low && tick <= high),
  );
  return choices.find((ticks) => ticks.length <= maxTicks) ?? choices.at(-1) ?? [];
}

/** Axis of ratios to a baseline: `0.5×`. */
export const ratioTicks = { maxTicks: 5, grid: true, format: '~g', labelExpr: "datum.label + '×'" };

/** Axis labels of milliseconds: `100 ms`, `2 s`. */
export const msLabels = "datum.value >= 1000 ? datum.value / 1000 + ' s' : datum.value + ' ms'";

/** Least and greatest of the values. */
export function extent(values: readonly number[]): { low: number; high: number } {
  const [low = Infinity, high = -Infinity] = extentOf(values);
  return { low, high };
}
