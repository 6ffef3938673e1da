import type { TopLevelSpec } from 'vega-lite';
import type { SloTarget } from '../../harness/domain/workload.ts';
import type { Results } from '../load.ts';

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
