import { InvariantError } from './errors.ts';

/**
 * Throws an `InvariantError` if the condition is false. It stays active in production, because a wrong result
 * is worse than a failed run.
 */
export function assert(condition: boolean, invariant: string, message: () => string): asserts condition {
  if (!condition) throw new InvariantError(invariant, message());
}

/**
 * Returns the value, or throws an `InvariantError` if it is missing although the program's logic guarantees
 * it.
 */
export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new InvariantError('INV-present', `${what} is missing`);
  return value;
}
