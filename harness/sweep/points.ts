import { createHash } from 'node:crypto';
import { InputError } from '../base/errors.ts';
import type { Axis } from './axis.ts';

/** One setting of all axes of a sweep. */
export interface Point {
  /** A name that is a folder's too: `syncS=0.2,instances=4`. */
  readonly name: string;
  /** One for each axis. */
  readonly values: readonly unknown[];
  /** The same as `--set` takes it. */
  readonly overrides: readonly string[];
}

const mostPoints = 1000;

/** Every combination of the values, the last axis fastest. Throws an `InputError` where there are more than a thousand. */
export function pointsOf(axes: readonly Axis[]): readonly Point[] {
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  if (count > mostPoints) {
    const message = `the axes have ${count} combinations, at most ${mostPoints}`;
    throw new InputError({ source: '--over', path: '', message });
  }
  const labels = labelsOf(axes.map(({ path }) => path));
  let combinations: readonly (readonly unknown[])[] = [[]];
  for (const { values } of axes) {
    combinations = combinations.flatMap((start) => values.map((value) => [...start, value]));
  }
  return combinations.map((values) => ({
    name: folderName(values.map((value, index) => `${labels[index] ?? ''}=${show(value)}`).join(',')),
    values,
    overrides: axes.map(({ path }, index) => `${path}=${JSON.stringify(values[index])}`),
  }));
}

/** The shortest ends of the paths that tell them apart. */
export function labelsOf(paths: readonly string[]): readonly string[] {
  return paths.map((path) => {
    const parts = path.split('.');
    const ends = parts.map((_, index) => parts.slice(parts.length - 1 - index).join('.'));
    return ends.find((end) => countEnding(paths, end) === 1) ?? path;
  });
}

function countEnding(paths: readonly string[], end: string): number {
  return paths.filter((path) => `.${path}`.endsWith(`.${end}`)).length;
}

/** A value as people write it. */
export function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const longestName = 80;

/** What no folder can be called, or what is too long, is told by its hash. */
function folderName(name: string): string {
  if (/^[\w.=,+-]+$/.test(name) && name.length <= longestName) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.replaceAll(/[^\w.=,+-]+/g, '_').slice(0, longestName - 9)}-${hash}`;
}
