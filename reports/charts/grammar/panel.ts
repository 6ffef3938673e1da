import { greatest, group } from 'd3-array';
import type { TopLevelSpec } from 'vega-lite';
import type { InlineDataset } from 'vega-lite/types_unstable/data.js';
import type { LayerSpec } from 'vega-lite/types_unstable/spec/index.js';
import type { Field } from 'vega-lite/types_unstable/channeldef.js';
import type { Resolve, ResolveMode } from 'vega-lite/types_unstable/resolve.js';
import { plotWidth, topLevel } from './frame.ts';
import type { Frame } from './frame.ts';
import type { Encoding, Layer, Position } from './layer.ts';
import { burstLayer, timePosition } from './time.ts';
import type { TimeAxis } from './time.ts';

/** One plot: layers over each other on the same two axes. */
export interface Panel {
  readonly title?: string;
  readonly subtitle?: string;
  /** Whose picture it is, where it shows one stack alone: the panel goes when a reader hides the stack. */
  readonly stack?: string;
  /** Pixels of the plot, or of each row of a nominal axis. */
  readonly height: number | { readonly step: number };
  /** Scale and axis of every layer that has the position; not needed for `x` in a stack over time. */
  readonly x?: Position;
  readonly y?: Position;
  readonly layers: readonly Layer[];
}

interface StackOptions {
  /** Lets all panels share the time axis, written once, below the lowest. */
  readonly time?: TimeAxis;
  readonly spacing?: number | { readonly row: number; readonly column: number };
}

/** Each panel has scales of its own; which of them shows a legend is decided below. */
const own: ResolveMode = 'independent';
const channels = { color: own, stroke: own, strokeDash: own, shape: own };
const resolve: Resolve = { scale: channels, legend: channels };

/** The chart of some panels: below each other, or in the columns of the frame, with every legend once. */
export function stackPanels(
  frame: Frame,
  panels: readonly Panel[],
  { time, spacing = 14 }: StackOptions = {},
): TopLevelSpec {
  const layout = { ...frame, stacks: panels.map(({ stack }) => stack ?? null) };
  const legendPanels = legendPanelsOf(panels);
  const width = plotWidth(frame);
  const drawn = panels.map((panel, index) => {
    const hasLegend = (key: string) => legendPanels.get(key) === index;
    const placed = time === undefined ? panel : overTime(panel, time, index === panels.length - 1);
    return { ...drawPanel(placed, hasLegend), width };
  });
  if (frame.columns === 1 && typeof spacing === 'number') {
    return topLevel(layout, { spacing, resolve, vconcat: drawn });
  }
  return topLevel(layout, {
    columns: frame.columns,
    align: 'each',
    spacing,
    resolve,
    concat: drawn,
  });
}

function overTime(panel: Panel, { domain, bursts }: TimeAxis, isLowest: boolean): Panel {
  const tinted = bursts.length === 0 ? panel.layers : [burstLayer(bursts), ...panel.layers];
  return { ...panel, x: timePosition(domain, isLowest), layers: tinted };
}

function drawPanel(
  { title, subtitle, height, x, y, layers }: Panel,
  hasLegend: (key: string) => boolean,
): LayerSpec<Field> {
  const shared = sharedRows(layers);
  return {
    ...(title === undefined ? {} : { title: subtitle === undefined ? title : { text: title, subtitle } }),
    height,
    ...(shared === undefined ? {} : { data: { values: shared } }),
    layer: layers.map(({ encoding = {}, data, ...rest }) => ({
      ...rest,
      ...(data === undefined || (shared !== undefined && rowsOf(data) === shared) ? {} : { data }),
      encoding: withLegends(withPositions(encoding, { x, y }), hasLegend),
    })),
  };
}

/** The rows that most layers have: they stand in the spec once, as the panel's. */
function sharedRows(layers: readonly Layer[]): InlineDataset | undefined {
  const byRows = group(layers, ({ data }) => rowsOf(data));
  const [rows, users = []] = greatest(byRows, ([, { length }]) => length) ?? [];
  return users.length > 1 ? rows : undefined;
}

function rowsOf(data: Layer['data']): InlineDataset | undefined {
  return data !== undefined && data !== null && 'values' in data ? data.values : undefined;
}

function withPositions(
  encoding: Encoding,
  { x, y }: { x: Position | undefined; y: Position | undefined },
): Encoding {
  return {
    ...encoding,
    ...(encoding.x === undefined ? {} : { x: { ...x, ...encoding.x } }),
    ...(encoding.y === undefined ? {} : { y: { ...y, ...encoding.y } }),
  };
}

/** Which panel shows a legend that several have: the first, or the last where it stands below. */
function legendPanelsOf(panels: readonly Panel[]): ReadonlyMap<string, number> {
  const shown = new Map<string, number>();
  for (const [index, { layers }] of panels.entries()) {
    for (const { key, isBelow } of layers.flatMap(({ encoding = {} }) => legendsOf(encoding))) {
      if (isBelow || !shown.has(key)) shown.set(key, index);
    }
  }
  return shown;
}

/** A channel that a legend explains. */
interface Legended {
  readonly channel: string;
  readonly definition: { readonly field: string; readonly legend: { readonly orient?: string } };
  /** In whichever panels they stand, the same channel of the same field has the same legend. */
  readonly key: string;
  readonly isBelow: boolean;
}

function legendsOf(encoding: Encoding): Legended[] {
  return Object.entries(encoding).flatMap(([channel, definition]) => {
    if (!isLegended(definition)) return [];
    const { field, legend } = definition;
    return { channel, definition, key: `${channel} ${field}`, isBelow: legend.orient === 'bottom' };
  });
}

function isLegended(definition: unknown): definition is Legended['definition'] {
  if (typeof definition !== 'object' || definition === null) return false;
  return 'field' in definition && 'legend' in definition && definition.legend !== null;
}

function withLegends(encoding: Encoding, hasLegend: (key: string) => boolean): Encoding {
  const hidden = legendsOf(encoding).filter(({ key }) => !hasLegend(key));
  const without = hidden.map(({ channel, definition }) => [channel, { ...definition, legend: null }]);
  return { ...encoding, ...(Object.fromEntries(without) as Encoding) };
}
