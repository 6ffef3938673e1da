import { isDeepStrictEqual } from 'node:util';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import { readCellSummary } from '../metrics/read-results.ts';
import type { CellSummary, Manifest } from '../metrics/results.ts';
import { pluginsOf } from './manifest.ts';
import type { PlannedCell } from './matrix.ts';

/** Keys of the configuration that may differ from machine to machine without making it another experiment. */
const irrelevant = new Set(['baseDir']);

/** Refuses to continue a run that asked for something else: cells of two experiments must not be compared. */
export function requireSameRun(earlier: Manifest, now: Manifest): void {
  const issues = [
    ...differences(earlier.config, now.config).filter(({ path }) => !irrelevant.has(path)),
    ...differences(earlier.traces, now.traces, 'traces'),
    ...differences(pluginsOf(earlier), pluginsOf(now)),
  ].map(({ path, was, is }): InputIssue => {
    const message = `cannot be resumed: ${path} was ${show(was)} and is now ${show(is)}`;
    return {
      source: '--resume',
      path: '',
      message,
      hint: 'restore the configuration, or write to another --output-dir',
    };
  });
  if (issues.length > 0) throw new InputError(issues);
}

/** Summaries of the cells that an earlier run finished, by id. */
export async function finishedCells(
  dir: string,
  cells: readonly Pick<PlannedCell, 'id'>[],
): Promise<ReadonlyMap<string, CellSummary>> {
  const finished = new Map<string, CellSummary>();
  for (const { id } of cells) {
    const summary = await readCellSummary(dir, id);
    if (summary !== undefined) finished.set(id, summary);
  }
  return finished;
}

interface Difference {
  readonly path: string;
  readonly was: unknown;
  readonly is: unknown;
}

function differences(was: unknown, is: unknown, path = ''): readonly Difference[] {
  if (isDeepStrictEqual(was, is)) return [];
  if (!isPlain(was) || !isPlain(is)) return [{ path, was, is }];
  const keys = new Set([...Object.keys(was), ...Object.keys(is)]);
  return [...keys].flatMap((key) => differences(was[key], is[key], path === '' ? key : `${path}.${key}`));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function show(value: unknown): string {
  return value === undefined ? 'not there' : JSON.stringify(value);
}
