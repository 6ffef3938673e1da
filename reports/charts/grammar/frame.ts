import type { Config, TopLevelSpec } from 'vega-lite';
import { chartConfig } from '../../theme.ts';

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

/** A frame, and whose picture each panel is. */
interface Layout extends Frame {
  readonly stacks: readonly (string | null)[];
}

/** The whole spec: schema, look, and the layout that the page reads. */
export function topLevel(
  { columns, gutterPx, legend: names = [], stacks }: Layout,
  body: ChartBody,
): TopLevelSpec {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    usermeta: {
      columns,
      gutterPx,
      ...(stacks.every((stack) => stack === null) ? {} : { stacks }),
      ...(names.length === 0 ? {} : { legendPx: entryPx(names) }),
    },
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
  // No spread: some charts have a name for each of a million rows.
  const longest = names.reduce((most, name) => Math.max(most, name.length), 0);
  return Math.min(150, 6.5 * longest);
}
