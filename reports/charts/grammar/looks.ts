import type { Field, MarkPropFieldDef, OrderFieldDef } from 'vega-lite/types_unstable/channeldef.js';
import type { Transform } from 'vega-lite/types_unstable/transform.js';
import { colour } from '../../theme.ts';

export type Legend = NonNullable<MarkPropFieldDef<Field>['legend']>;

/** How one of several kinds looks wherever it appears; the legend names it. */
export interface Look {
  readonly name: string;
  readonly hue?: string;
  readonly dash?: readonly number[];
  readonly shape?: string;
}

/** A channel that tells kinds apart. */
interface LookChannel<V> {
  readonly field: string;
  readonly type: 'nominal';
  readonly scale: { domain: string[]; range: V[] };
  readonly legend: Legend | null;
}

/** Legends by what they explain. Lines: long enough to show the dashes, never as faint as the thin lines. */
export const legends = {
  lines: { symbolType: 'stroke', symbolSize: 500, symbolOpacity: 1, symbolStrokeWidth: 2.4 },
  areas: { symbolType: 'square' },
  points: { symbolSize: 110, symbolOpacity: 1 },
  arcs: { orient: 'bottom', symbolType: 'stroke', symbolSize: 300 },
  events: { orient: 'bottom', symbolFillColor: colour('ink'), symbolSize: 60 },
} satisfies Record<string, Legend>;

/** The channels by which a field's looks are told apart; a layer takes those that suit its mark. */
export function byLook(field: string, looks: readonly Look[], legend: Legend | null) {
  const domain = looks.map(({ name }) => name);
  const channel = <V>(valueOf: (look: Look) => V): LookChannel<V> => ({
    field,
    type: 'nominal',
    scale: { domain, range: looks.map(valueOf) },
    legend,
  });
  return {
    color: channel(({ hue = colour('ink') }) => hue),
    strokeDash: channel(({ dash = [] }) => [...dash]),
    shape: channel(({ shape = 'circle' }) => shape),
  };
}

/** Puts the rows in the order of their looks, wherever they are stacked. */
export function orderOf(
  field: string,
  looks: readonly Look[],
): { order: OrderFieldDef<Field>; transform: Transform[] } {
  const names = JSON.stringify(looks.map(({ name }) => name));
  const calculate = `indexof(${names}, datum[${JSON.stringify(field)}])`;
  return { order: { field: 'rank', type: 'quantitative' }, transform: [{ calculate, as: 'rank' }] };
}

/** An upright cross: filled shapes only, since marks here have no outline. */
export const crossPath =
  'M-1,-0.7L-0.7,-1L0,-0.3L0.7,-1L1,-0.7L0.3,0L1,0.7L0.7,1L0,0.3L-0.7,1L-1,0.7L-0.3,0Z';
