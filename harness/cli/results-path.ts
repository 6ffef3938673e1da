import { resolve } from 'node:path';
import { isoNow } from '../base/clock.ts';

/**
 * Returns the folder that the user named, or `results/burst-20260131-142500` (UTC) below the current folder.
 */
export function resultsPath(name: string, outputDir: string | undefined): string {
  if (outputDir !== undefined) return resolve(outputDir);
  const [date = '', time = ''] = isoNow().split('T');
  return resolve('results', `${name}-${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`);
}
