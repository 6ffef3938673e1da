import { constants, existsSync } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '../base/errors.ts';
import { cellFolder, readManifest } from '../metrics/read-results.ts';
import type { CellSummary, Manifest, Summary } from '../metrics/results.ts';
import { explainDiskError, writeJson } from './disk.ts';

/** What to do about a folder that is already there. */
export type FolderIntent = 'fresh' | 'overwrite' | 'resume';

/** A results folder on disk. A cell's folder appears whole or not at all, and so does every file. */
export class ResultsFolder {
  readonly dir: string;
  #manifestWritten: Promise<void> = Promise.resolve();

  constructor(dir: string) {
    this.dir = dir;
  }

  get logFile(): string {
    return join(this.dir, 'worker.log');
  }

  /** Makes an empty folder for a cell under way, and removes what an earlier attempt left there. Returns its path. */
  async beginCell(id: string): Promise<string> {
    const partial = this.#partialDir(id);
    await this.#explained(async () => {
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial, { recursive: true });
    });
    return partial;
  }

  async commitCell(summary: CellSummary): Promise<void> {
    const partial = this.#partialDir(summary.id);
    const final = cellFolder(this.dir, summary.id);
    await this.#explained(async () => {
      await writeJson(join(partial, 'summary.json'), summary);
      await rm(final, { recursive: true, force: true });
      await rename(partial, final);
    });
  }

  async abandonCell(id: string): Promise<void> {
    await rm(this.#partialDir(id), { recursive: true, force: true });
  }

  /** Writes the manifest after all earlier writes of it: cells may end at the same time, and the last word stands. */
  writeManifest(manifest: Manifest): Promise<void> {
    const write = () => this.#explained(() => writeJson(join(this.dir, 'manifest.json'), manifest));
    this.#manifestWritten = this.#manifestWritten.then(write, write);
    return this.#manifestWritten;
  }

  async writeSummary(summary: Summary): Promise<void> {
    await this.#explained(() => writeJson(join(this.dir, 'summary.json'), summary));
  }

  #partialDir(id: string): string {
    return cellFolder(this.dir, `.partial-${id}`);
  }

  async #explained(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw explainDiskError(error, this.dir);
    }
  }
}

/**
 * Looks at what is in the folder and changes nothing. Throws an `InputError` where that contradicts the intent. Returns the
 * manifest of the run to resume, or `undefined` for any other intent.
 */
export async function inspectFolder(dir: string, intent: FolderIntent): Promise<Manifest | undefined> {
  const entries = await entriesOf(dir);
  if (intent === 'resume') return readManifest(dir);
  if (entries.length === 0) return undefined;
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

/** Makes the folder, empties it when it is to be overwritten, and checks that it can be written to. */
export async function openFolder(dir: string, intent: FolderIntent): Promise<ResultsFolder> {
  const probe = join(dir, '.partial-probe');
  try {
    await access(nearestExisting(dir), constants.W_OK);
    await makeFolders(join(dir, 'cells'));
    await makeFolders(probe);
    await rm(probe, { recursive: true });
    if (intent === 'overwrite') await empty(dir);
  } catch (error) {
    throw explainDiskError(error, dir);
  }
  return new ResultsFolder(dir);
}

/** Makes the folder level by level: Node's recursive `mkdir` never returns where folders cannot be made at all, as below `/proc`. */
async function makeFolders(path: string): Promise<void> {
  if (existsSync(path)) return;
  await makeFolders(dirname(path));
  await mkdir(path);
}

/** Returns the nearest folder above (or the folder itself) that exists: `mkdir` gives no reason when it cannot be written to. */
function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

async function entriesOf(dir: string): Promise<readonly string[]> {
  const stats = await stat(dir).catch(() => undefined);
  if (stats === undefined) return [];
  if (!stats.isDirectory())
    throw folderIssue(dir, 'this is a file, and results go to a folder', 'choose another --output-dir');
  return readdir(dir);
}

async function empty(dir: string): Promise<void> {
  // The manifest goes last, so that an interrupted removal can be repeated.
  const entries = (await readdir(dir)).filter((entry) => entry !== 'manifest.json');
  for (const entry of [...entries, 'manifest.json'])
    await rm(join(dir, entry), { recursive: true, force: true });
  await mkdir(join(dir, 'cells'));
}

function folderIssue(dir: string, message: string, hint: string): InputError {
  return new InputError({ source: dir, path: '', message, hint });
}
