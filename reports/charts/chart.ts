import type { Config, TopLevelSpec } from 'vega-lite';
import type { SloTarget } from '../../harness/domain/workload.ts';
import type { Results } from '../load.ts';
import { chartConfig } from '../theme.ts';

/** One chart of the report: a file in this folder and a line in `index.ts`. */
export interface Chart {
  readonly title: string;
  /** What a reader asks; the picture answers it. */
  readonly question: string;
  /** Pure: the same results give the same drawing. */
  draw(results: Results): Drawing;
}

export type Drawing = Drawn | Absent;

interface Drawn {
  readonly kind: 'drawn';
  readonly spec: TopLevelSpec;
  /** One sentence with figures, also the picture's text alternative. */
  readonly answer: string;
  /** How to read it: encodings, seeds, what was thinned. */
  readonly caption: string;
  /** What the marks say, in words: for print, and for readers without JavaScript. */
  readonly table?: ChartTable;
}

export interface ChartTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What the table leaves out; empty where it leaves nothing out. */
  readonly rest: string;
}

/** The results hold nothing to draw; `reason` stands in the chart's place. */
export interface Absent {
  readonly kind: 'absent';
  readonly reason: string;
}

export function absent(reason: string): Absent {
  return { kind: 'absent', reason };
}

/** How a spec is laid out, so that the page can lay it out again for its own width. */
export interface Frame {
  readonly columns: number;
  /** Room beside each plot for axis labels and titles. */
  readonly gutterPx: number;
  /** What the legend names, so that it can be broken into lines; a handful of short names may be left out. */
  readonly legend?: readonly string[];
}

/** Width of the page's text column, for which saved specs are laid out. */
const pageWidthPx = 960;

export function plotWidth(frame: Frame): number {
  return Math.floor(pageWidthPx / frame.columns) - frame.gutterPx;
}

/** Any spec without the parts that all charts share. */
export type ChartBody = TopLevelSpec extends infer S
  ? S extends TopLevelSpec
    ? Omit<S, '$schema' | 'config' | 'usermeta'>
    : never
  : never;

/** The whole spec: schema, look, and the frame that the page reads. */
export function topLevel({ columns, gutterPx, legend: names = [] }: Frame, body: ChartBody): TopLevelSpec {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    usermeta: { columns, gutterPx, ...(names.length === 0 ? {} : { legendPx: entryPx(names) }) },
    config: names.length === 0 ? chartConfig : withLegend(names, pageWidthPx - gutterPx),
    ...body,
  };
  return JSON.parse(JSON.stringify(spec), (_, value: unknown) => withoutReference(value)) as TopLevelSpec;
}

/**
 * Vega 6 mistakes a text that is also a property of every object, such as a policy called `constructor`, for one of its
 * own operators; an invisible space after it keeps the two apart.
 */
function withoutReference(value: unknown): unknown {
  return typeof value === 'string' && value in Object.prototype ? `${value}\u200b` : value;
}

/** The targets of one kind in milliseconds, each once. */
export function targetsMs(results: Results, key: keyof SloTarget): readonly number[] {
  const all = [...results.slo.values()].flatMap((slo) => {
    const us = slo[key];
    return us === undefined ? [] : [us / 1000];
  });
  return [...new Set(all)].toSorted((a, b) => a - b);
}

/** Points for each of several panels or lines, so that the page stays small however many there are. */
export function shareOfPoints(
  total: number,
  numParts: number,
  limits: { least: number; most: number },
): number {
  return Math.max(limits.least, Math.min(limits.most, Math.floor(total / Math.max(1, numParts))));
}

/** One line of names where they fit, else columns as wide as the longest. */
function withLegend(names: readonly string[], widthPx: number): Config {
  const isOneLine = names.reduce((sum, name) => sum + entryPx([name]), 0) <= widthPx;
  const columns = isOneLine ? names.length : Math.max(1, Math.floor(widthPx / entryPx(names)));
  return { ...chartConfig, legend: { ...chartConfig.legend, columns } };
}

/** The longest entry of a legend: symbol, name and the space to the next. */
function entryPx(names: readonly string[]): number {
  return 52 + labelPx(names);
}

/** Space for the longest of the names on an axis, up to the label limit. */
export function labelPx(names: readonly string[]): number {
  return Math.min(150, 6.5 * Math.max(0, ...names.map((name) => name.length)));
}

/** Vega writes the one tick of an axis from 0 to 0 as 0.000000: where all values are 0 the axis goes to 1. */
export function scaleFrom0(values: readonly number[]): { scale?: { domain: number[] } } {
  return values.some((value) => value > 0) ? {} : { scale: { domain: [0, 1] } };
}

/** Rows below this height have no room for a text of their own. */
export const leastTextPx = 11;

/** Height of each of many rows of one picture, so that a large cluster still fits a screen. */
export function rowStep(
  numRows: number,
  { pictureHeightPx, mostPx }: { pictureHeightPx: number; mostPx: number },
) {
  return Math.max(6, Math.min(mostPx, Math.floor(pictureHeightPx / numRows)));
}

/** Ticks of a logarithmic axis: as dense as `maxTicks` allows, whole decades at the least. */
export function logTicks(low: number, high: number, maxTicks: number): number[] {
  const choices = [[1, 2, 5], [1, 3], [1]].map((steps) => ticksAt(steps, low, high));
  return choices.find((ticks) => ticks.length <= maxTicks) ?? choices.at(-1) ?? [];
}

function ticksAt(steps: readonly number[], low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade += 1) {
    for (const step of steps) ticks.push(Number((step * 10 ** decade).toPrecision(1)));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** Axis labels of milliseconds: `100 ms`, `2 s`. */
export const msLabels = "datum.value >= 1000 ? datum.value / 1000 + ' s' : datum.value + ' ms'";

/** Least and greatest of the values; without spreading a million numbers into one call. */
export function extent(values: readonly number[]): { low: number; high: number } {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/** Legend of lines: long enough to show the dashes, never as faint as the thin lines. */
export const lineLegend = {
  symbolType: 'stroke',
  symbolSize: 500,
  symbolOpacity: 1,
  symbolStrokeWidth: 2.4,
} as const;

/** An upright cross: filled shapes only, since marks here have no outline. */
export const crossPath =
  'M-1,-0.7L-0.7,-1L0,-0.3L0.7,-1L1,-0.7L0.3,0L1,0.7L0.7,1L0,0.3L-0.7,1L-1,0.7L-0.3,0Z';
