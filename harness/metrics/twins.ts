import { join } from 'node:path';
import { type ComparedValues, comparedValuesSchema } from './compared-values.ts';
import { readLines } from './read-results.ts';

/** Returns the folder of the simulated twins of a measured run; the twins of its cells are in it like cells. */
export function twinsFolder(dir: string): string {
  return join(dir, 'twins');
}

/** The file in it with the compared figures of all twins. */
export const twinValuesFile = 'values.jsonl';

/** Reads the compared figures of all twins; `undefined` where the run has none. */
export function readTwinValues(dir: string): Promise<ComparedValues[] | undefined> {
  return readLines(join(twinsFolder(dir), twinValuesFile), comparedValuesSchema);
}
