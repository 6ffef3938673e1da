import { existsSync } from 'node:fs';
import { type Difference, differences, showValue } from '../base/differences.ts';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import { damageOf } from '../metrics/checksums.ts';
import { cellFolder, readCellSummary } from '../metrics/read-results.ts';
import type { CellSummary, Manifest } from '../metrics/results.ts';
import { pluginsOf } from './manifest.ts';
import type { PlannedCell } from './matrix.ts';

/**
 * Keys of the configuration that may differ from machine to machine without making it another experiment, and the checksums
 * of plug-ins, which are compared by name.
 */
const irrelevant = /^(baseDir|stacks\..*\.sha256)$/;

/**
 * Refuses to continue a run that asked for something else, or whose cells were made by something else: cells of two experiments must not
 * be compared.
 */
export function requireSameRun(earlier: Manifest, now: Manifest): void {
  const asked = [
    ...differences(earlier.config, now.config).filter(({ path }) => !irrelevant.test(path)),
    ...differences(earlier.traces, now.traces, 'traces'),
    ...differences(pluginsOf(earlier), pluginsOf(now)),
  ];
  const made = differences(makerOf(earlier), makerOf(now));
  const issues = [
    ...asked.map((each) => issueOf(each, 'restore the configuration')),
    ...made.map((each) => issueOf(each, 'go on with what made the finished cells')),
  ];
  if (issues.length > 0) throw new InputError(issues);
}

/** What a cell's figures depend on besides its configuration: the code, and where steps are measured, all that runs them. */
function makerOf({ commit, versions, backend, machine }: Manifest): Readonly<Record<string, unknown>> {
  const code = { commit, servebench: versions['servebench'] };
  if (backend.mode !== 'measure') return code;
  const { cpu, cores, platform } = machine;
  const { node, tensorflow, 'tfjs-node-gpu': tfjs } = versions;
  return { ...code, cpu, cores, platform, device: backend.device, node, tensorflow, 'tfjs-node-gpu': tfjs };
}

function issueOf({ path, was, is }: Difference, remedy: string): InputIssue {
  const message = `cannot be resumed: ${path} was ${showValue(was)} and is now ${showValue(is)}`;
  return { source: '--resume', path: '', message, hint: `${remedy}, or write to another --output-dir` };
}

export interface EarlierCells {
  /** Summaries of the cells that are as they were written, by id. */
  readonly finished: ReadonlyMap<string, CellSummary>;
  /** What is wrong with the others that are there, by id. */
  readonly damaged: ReadonlyMap<string, string>;
}

/** Looks for the cells that an earlier run has finished, and compares their files with their checksums. */
export async function examineCells(
  dir: string,
  cells: readonly Pick<PlannedCell, 'id'>[],
): Promise<EarlierCells> {
  const finished = new Map<string, CellSummary>();
  const damaged = new Map<string, string>();
  for (const { id } of cells) {
    if (!existsSync(cellFolder(dir, id))) continue;
    const damage = await damageOf(cellFolder(dir, id));
    const summary = damage === undefined ? await readCellSummary(dir, id) : undefined;
    if (summary !== undefined) finished.set(id, summary);
    else damaged.set(id, damage ?? 'it has no summary');
  }
  return { finished, damaged };
}
