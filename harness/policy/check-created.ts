import { describeValue, isThenable } from './describe-value.ts';
import { moments } from './moments.ts';

/**
 * Returns what is wrong with what `create` has returned, which plain JavaScript may make anything, or `undefined`. State beside
 * the moments is the policy's own business.
 */
export function createdProblem(created: unknown): string | undefined {
  if (typeof created !== 'object' || created === null || isThenable(created)) {
    return `expected an object with moments, got ${describeValue(created)}`;
  }
  for (const moment of moments) {
    const ask: unknown = Reflect.get(created, moment);
    if (ask !== undefined && typeof ask !== 'function') {
      return `${moment} must be a function, got ${describeValue(ask)}`;
    }
  }
  return undefined;
}
