import { join } from 'node:path';
import { InputError } from '../base/errors.ts';
import { type ComparedValues, comparedValuesSchema } from './compared-values.ts';
import { readLines } from './read-results.ts';

/** Returns the folder of the simulated twins of a measured run; the twins of its cells are in it like cells. */
export function twinsFolder(dir: string): string {
  return join(dir, 'twins');
}

/** The file in it with the compared figures of all twins. */
export const twinValuesFile = 'values.jsonl';

/** Reads the compared figures of all twins. Throws an `InputError` where there are none, or something else. */
export async function readTwinValues(dir: string): Promise<ComparedValues[]> {
  const source = join(twinsFolder(dir), twinValuesFile);
  const values = await readLines(source, comparedValuesSchema);
  if (values !== undefined) return values;
  const hint = 'run with --resume to simulate again what was measured';
  throw new InputError({ source, path: '', message: 'is missing', hint });
}
