import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import { checksumFile, recordedFiles } from '../metrics/checksums.ts';
import { readManifest } from '../metrics/read-results.ts';
import { twinsFolder } from '../metrics/twins.ts';
import { explainDiskError } from './disk.ts';
import { logsFolder, policyLogFile } from './results-folder.ts';

/** What bench writes into a results folder itself, beside what its `cells`, `twins` and `charts` hold. */
const ownFiles = /^(summary\.json|report\.html|worker\.log)$/;
const partial = /^\.partial-/;
const chart = /\.vl\.json$/;

/**
 * Removes the results of an earlier run, and nothing else that is in the folder. The manifest stays, for the next run to replace, so that an
 * interrupted removal can be repeated. Throws an `InputError`, having removed nothing, where a
 * cell's folder holds files of somebody else: it is replaced as a whole. Where there is no manifest, there is nothing to remove.
 */
export async function clearFolder(dir: string): Promise<void> {
  if (!existsSync(join(dir, 'manifest.json'))) return;
  const { cells } = await readManifest(dir);
  const ids = new Set(cells.map(({ id }) => id));
  for (const folder of [dir, twinsFolder(dir)]) await requireOwnCells(folder, ids);
  try {
    await clearTwins(dir, ids);
    await removeMatching(join(dir, 'charts'), chart);
    await rmdir(join(dir, 'charts')).catch(() => undefined);
    await clearCells(join(dir, 'cells'), ids);
    for (const id of ids) await rm(policyLogFile(dir, id), { force: true });
    await rmdir(join(dir, logsFolder)).catch(() => undefined);
    await removeMatching(dir, ownFiles);
  } catch (error) {
    throw explainDiskError(error, dir);
  }
}

/**
 * Throws an `InputError` where the folder of one of these cells holds what no run has written: whoever runs the cell again replaces the
 * folder as a whole. Where a cell has no readable list of its files, nothing can be told.
 */
export async function requireOwnCells(dir: string, ids: Iterable<string>): Promise<void> {
  const issues: InputIssue[] = [];
  for (const id of ids) {
    const cell = join(dir, 'cells', id);
    const recorded = await recordedFiles(cell);
    if (recorded === undefined) continue;
    const foreign = (await namesIn(cell)).filter((name) => !recorded.includes(name) && !partial.test(name));
    if (foreign.length === 0) continue;
    const message = `holds what bench has not written, and the cell's folder is to be replaced: ${foreign.join(', ')}`;
    issues.push({ source: cell, path: '', message, hint: 'move it elsewhere' });
  }
  if (issues.length > 0) throw new InputError(issues);
}

/** Removes what was simulated beside a measured run. */
export async function clearTwins(dir: string, ids: ReadonlySet<string>): Promise<void> {
  const folder = twinsFolder(dir);
  await clearCells(join(folder, 'cells'), ids);
  await removeMatching(folder, /^values\.jsonl$/);
  await rmdir(folder).catch(() => undefined);
}

/** Removes the folders of these cells, and of any others that a run has left. */
async function clearCells(folder: string, ids: ReadonlySet<string>): Promise<void> {
  for (const name of await namesIn(folder)) {
    const isOwn =
      partial.test(name) || ids.has(name) || (await namesIn(join(folder, name))).includes(checksumFile);
    if (isOwn) await rm(join(folder, name), { recursive: true, force: true });
  }
  await rmdir(folder).catch(() => undefined);
}

/** Removes the files of a folder with such names, and what a killed process has left half written. */
async function removeMatching(folder: string, own: RegExp): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (own.test(name) || partial.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Names in a folder; none where there is no such folder. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
