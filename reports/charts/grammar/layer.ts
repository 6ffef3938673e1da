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

/** Marks for rows. Positions name fields only: scale and axis come from the panel, whose layers share them. */
export function layer(mark: Mark, rows: Rows, encoding: Encoding): Layer {
  // Vega-Lite's types would let the rows be changed; nothing does, and layers of the same rows are known by them.
  return { data: { values: rows as object[] }, mark, encoding };
}

/** What the pointer shows, in order: fields under their own names, or with the words for each. */
export function tips(
  ...fields: readonly (string | Readonly<Record<string, string>>)[]
): StringFieldDef<Field>[] {
  const named = fields.flatMap((one) => (typeof one === 'string' ? [[one, one]] : Object.entries(one)));
  return named.map(([field = '', title = '']) => ({ field, type: 'nominal', title }));
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
