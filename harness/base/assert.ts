import { InvariantError } from './errors.ts';

/** Stays on in production: a wrong figure is worse than a failed run. */
export function assert(condition: boolean, invariant: string, message: () => string): asserts condition {
  if (!condition) throw new InvariantError(invariant, message());
}

/** The value, or an `InvariantError` where the program's logic promised one. */
export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new InvariantError('INV-present', `${what} is missing`);
  return value;
}
