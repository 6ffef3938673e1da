import { isDeepStrictEqual } from 'node:util';

/** A place at which two plain values are not alike; a value is `undefined` where there is nothing at that place. */
export interface Difference {
  /** Keys and indices, joined by dots. */
  readonly path: string;
  readonly was: unknown;
  readonly is: unknown;
}

/** Every place at which two values as read from JSON differ, as deep as both have parts. */
export function differences(was: unknown, is: unknown, path = ''): readonly Difference[] {
  if (isDeepStrictEqual(was, is)) return [];
  if (!isPlain(was) || !isPlain(is)) return [{ path, was, is }];
  const keys = new Set([...Object.keys(was), ...Object.keys(is)]);
  return [...keys].flatMap((key) => differences(was[key], is[key], path === '' ? key : `${path}.${key}`));
}

/** The value as a message shows it. */
export function showValue(value: unknown): string {
  return value === undefined ? 'not there' : JSON.stringify(value);
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
