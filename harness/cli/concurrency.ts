import { availableParallelism } from 'node:os';
import { InputError } from '../base/errors.ts';
import type { ExecutionSpec } from '../config/index.ts';

/**
 * Returns the number of cells to run at once. Measured cells would disturb each other's times; simulated ones
 * take a core each. Throws `InputError` if the flag is not valid for the mode.
 */
export function concurrencyOf(given: number | undefined, mode: ExecutionSpec['mode']): number {
  const source = `--concurrency ${given}`;
  if (given === undefined) return mode === 'measure' ? 1 : availableParallelism();
  if (!Number.isInteger(given) || given < 1) {
    throw new InputError({ source, path: '', message: 'expected a whole number of at least 1' });
  }
  if (mode === 'measure' && given > 1) {
    const message = 'measured cells run one at a time, because they would disturb each other';
    throw new InputError({ source, path: '', message, hint: 'leave it out, or use --mode simulate' });
  }
  return given;
}
