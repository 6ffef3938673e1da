import { availableParallelism } from 'node:os';
import { InputError } from '../base/errors.ts';
import type { ExecutionSpec } from '../config/index.ts';

/** Cells at once: measured ones would disturb each other's times, simulated ones take a core each. */
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
