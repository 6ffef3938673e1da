import { colour } from '../../theme.ts';
import { layer } from './layer.ts';
import type { Encoding, Layer, Rows } from './layer.ts';
import { byLook, legends } from './looks.ts';
import type { Look } from './looks.ts';

interface Events {
  /** Field of the height, and of the kind. */
  readonly y: string;
  readonly by: string;
  /** A shape for each kind. */
  readonly looks: readonly Look[];
  readonly tooltip: Encoding['tooltip'];
}

/** A mark where something happened, at field `s`; the shapes are explained below the lowest panel. */
export function events(rows: Rows, { y, by, looks, tooltip }: Events): Layer {
  const { shape } = byLook(by, looks, legends.events);
  return layer({ type: 'point', filled: true, size: 44, opacity: 1, color: colour('ink') }, rows, {
    x: { field: 's' },
    y: { field: y },
    shape,
    ...(tooltip === undefined ? {} : { tooltip }),
  });
}
