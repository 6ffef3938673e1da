import { resolve } from 'node:path';
import { isoNow } from '../base/clock.ts';

/** Returns the default results folder: `results/burst-20260131-142500` (UTC) below the current folder. */
export function defaultResultsPath(name: string): string {
  const [date = '', time = ''] = isoNow().split('T');
  return resolve('results', `${name}-${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`);
}
