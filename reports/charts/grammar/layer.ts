import type { Field, PositionFieldDef, StringFieldDef } from 'vega-lite/types_unstable/channeldef.js';
import type { Encoding as VegaEncoding } from 'vega-lite/types_unstable/encoding.js';
import type { AnyMark, MarkDef } from 'vega-lite/types_unstable/mark.js';
import type { UnitSpec } from 'vega-lite/types_unstable/spec/index.js';
import { colour } from '../../theme.ts';

/** One kind of mark over some rows: a unit of Vega-Lite in Vega-Lite's own types, so that literals need no assertions. */
export type Layer = UnitSpec<Field>;
export type Encoding = VegaEncoding<Field>;
export type Mark = Exclude<AnyMark, string>;
/** Inlined data; each row is a plain object. */
export type Rows = readonly object[];
/** Scale and axis of a position, without the field. */
export type Position = Pick<PositionFieldDef<Field>, 'type' | 'scale' | 'axis'>;

/** Marks for rows, or for the panel's rows where the layer has none. Positions name fields only: scale and axis come from the panel, whose layers share them. */
export function layer(mark: Mark, rows: Rows | undefined, encoding: Encoding): Layer {
  return { ...dataOf(rows), mark, encoding };
}

export function dataOf(rows: Rows | undefined): Pick<Layer, 'data'> {
  return rows === undefined ? {} : { data: { values: [...rows] } };
}

/** What the pointer shows: fields in order, each with the words for it. */
export function tips(words: Readonly<Record<string, string>>): StringFieldDef<Field>[] {
  return Object.entries(words).map(([field, title]) => ({ field, type: 'nominal', title }));
}

/** Text of a field to the right of each row's position: muted notes unless the look says otherwise. */
export function notes(
  rows: Rows,
  field: string,
  position: Pick<Encoding, 'x' | 'y'>,
  look: Partial<MarkDef> = {},
): Layer {
  const mark: Mark = { align: 'left', dx: 8, color: colour('muted'), ...look, type: 'text' };
  return layer(mark, rows, { ...position, text: { field, type: 'nominal' } });
}

/** A dashed line at each row's position, such as a target. */
export function targetRules(rows: Rows, position: Pick<Encoding, 'x' | 'y'>): Layer {
  return layer(
    { type: 'rule', color: colour('target'), strokeDash: [5, 4], strokeWidth: 1.2 },
    rows,
    position,
  );
}
