import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, InputError } from '../base/errors.ts';
import { readManifest } from '../metrics/read-results.ts';
import type { Manifest } from '../metrics/results.ts';
import { ownerFile } from './folder-owner.ts';

/** What to do about a folder that is already there. */
export type FolderIntent = 'fresh' | 'overwrite' | 'resume';

/**
 * Looks at what is in the folder and changes nothing. Throws an `InputError` where that contradicts the intent. Returns the
 * manifest of the run to resume; `undefined` for any other intent, and where the run was killed before it had written one.
 */
export async function inspectFolder(dir: string, intent: FolderIntent): Promise<Manifest | undefined> {
  await requireWholeLinks(dir);
  const entries = await entriesOf(dir);
  const isUnused = await holdsNothing(dir, entries);
  if (intent === 'resume') return isUnused && entries.length > 0 ? undefined : readManifest(dir);
  if (isUnused) return undefined;
  if (intent === 'overwrite') {
    await readManifest(dir);
    return undefined;
  }
  throw folderIssue(
    dir,
    'the results folder exists and is not empty',
    '--resume continues it, --overwrite replaces it',
  );
}

/** Throws an `InputError` where the folder, or the first above it that is there, is a link that leads nowhere. */
async function requireWholeLinks(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) {
    const parent = dirname(path);
    if (parent !== path) await requireWholeLinks(parent);
    return;
  }
  if (!stats.isSymbolicLink()) return;
  try {
    await stat(path);
  } catch (error) {
    const target = await readlink(path);
    const where = errorCode(error) === 'ELOOP' ? 'which leads back to itself' : 'which is not there';
    throw folderIssue(path, `is a link to ${target}, ${where}`, 'choose another --output-dir');
  }
}

/** Tells whether there is nothing but what a run leaves that was killed before it could write its manifest. */
async function holdsNothing(dir: string, entries: readonly string[]): Promise<boolean> {
  for (const name of entries) {
    const isOwn = name === ownerFile || name.startsWith('.partial-');
    const isEmpty = name === 'cells' && (await readdir(join(dir, name)).catch(() => ['a file'])).length === 0;
    if (!isOwn && !isEmpty) return false;
  }
  return true;
}

async function entriesOf(dir: string): Promise<readonly string[]> {
  const stats = await stat(dir).catch(() => undefined);
  if (stats === undefined) return [];
  if (!stats.isDirectory())
    throw folderIssue(dir, 'this is a file, and results go to a folder', 'choose another --output-dir');
  return readdir(dir);
}

function folderIssue(dir: string, message: string, hint: string): InputError {
  return new InputError({ source: dir, path: '', message, hint });
}
