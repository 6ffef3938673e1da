import { layer, notes } from './layer.ts';
import type { Encoding, Layer, Rows } from './layer.ts';
import type { Panel } from './panel.ts';
import { leastTextPx, rowStep } from './scales.ts';

interface Lanes {
  readonly title: string;
  /** Whose lanes they are. */
  readonly stack: string;
  /** From the top; a lane without bars stays in the picture. */
  readonly names: readonly string[];
  /** Bars from `start` to `end`, seconds, in the lane that they name. */
  readonly rows: Rows;
  /** What tells the bars apart. */
  readonly encoding: Pick<Encoding, 'color' | 'opacity' | 'tooltip'>;
  /** Of the height of a lane. */
  readonly thickness?: number;
  readonly hue?: string;
  readonly opacity?: number;
  readonly mostPx: number;
  /** Of the whole panel; many lanes are thinner. */
  readonly pictureHeightPx: number;
  /** Words in or beside the lanes, where these have room for words. */
  readonly texts?: readonly Layer[];
  /** On top of the bars. */
  readonly over?: readonly Layer[];
}

/** One lane for each instance, link or kind, with bars over time. */
export function lanes({ title, stack, names, rows, encoding, texts = [], over = [], ...look }: Lanes): Panel {
  const { thickness = 0.8, hue, opacity, mostPx, pictureHeightPx } = look;
  const step = rowStep(names.length, { mostPx, pictureHeightPx });
  const bars = layer(
    {
      type: 'rect',
      height: { band: thickness },
      clip: true,
      ...(hue === undefined ? {} : { color: hue }),
      ...(opacity === undefined ? {} : { opacity }),
    },
    rows,
    { x: { field: 'start' }, x2: { field: 'end' }, y: { field: 'lane' }, ...encoding },
  );
  return {
    title,
    stack,
    height: { step },
    y: { type: 'nominal', scale: { domain: [...names] }, axis: { title: null, labelOverlap: true } },
    layers: [bars, ...(step < leastTextPx ? [] : texts), ...over],
  };
}

/** What each lane adds up to, at its right end. */
export function laneTotals(totals: ReadonlyMap<string, string>): Layer {
  const rows = [...totals].map(([lane, total]) => ({ lane, total }));
  return notes(rows, 'total', { y: { field: 'lane' } }, { x: 'width', dx: 6 });
}
