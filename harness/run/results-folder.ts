import { constants, existsSync } from 'node:fs';
import { access, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { InputError, messageOf } from '../base/errors.ts';
import { cellSummarySchema, manifestSchema } from '../metrics/results.ts';
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

  cellDir(id: string): string {
    return join(this.dir, 'cells', id);
  }

  /** An empty folder for a cell under way; whatever an earlier attempt left there is gone. */
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
    const final = this.cellDir(summary.id);
    await this.#explained(async () => {
      await writeJson(join(partial, 'summary.json'), summary);
      await rm(final, { recursive: true, force: true });
      await rename(partial, final);
    });
  }

  async abandonCell(id: string): Promise<void> {
    await rm(this.#partialDir(id), { recursive: true, force: true });
  }

  /** The summary of a cell that an earlier run finished. */
  async finishedCell(id: string): Promise<CellSummary | undefined> {
    const text = await readText(join(this.cellDir(id), 'summary.json'));
    return text === undefined
      ? undefined
      : parseJson(text, cellSummarySchema, join(this.cellDir(id), 'summary.json'));
  }

  /** Cells end at the same time: one write after the other, so that the last word stands. */
  writeManifest(manifest: Manifest): Promise<void> {
    const write = () => this.#explained(() => writeJson(join(this.dir, 'manifest.json'), manifest));
    this.#manifestWritten = this.#manifestWritten.then(write, write);
    return this.#manifestWritten;
  }

  async writeSummary(summary: Summary): Promise<void> {
    await this.#explained(() => writeJson(join(this.dir, 'summary.json'), summary));
  }

  #partialDir(id: string): string {
    return join(this.dir, 'cells', `.partial-${id}`);
  }

  async #explained(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw explainDiskError(error, this.dir);
    }
  }
}

/** Looks at what is there and refuses what cannot be meant; changes nothing. The manifest is that of a run to resume. */
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

/** The folder, there and writable; emptied first when it is to be overwritten. */
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

/** Level by level: Node's recursive `mkdir` never returns where folders cannot be made at all, as below `/proc`. */
async function makeFolders(path: string): Promise<void> {
  if (existsSync(path)) return;
  await makeFolders(dirname(path));
  await mkdir(path);
}

/** `mkdir` gives no reason when this one cannot be written to. */
function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

/** The manifest of a folder, or an `InputError` that says why this is no results folder. */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, 'manifest.json');
  const text = await readText(path);
  if (text !== undefined) return parseJson(text, manifestSchema, path);
  throw folderIssue(
    dir,
    'not a results folder: it has no manifest.json',
    'give the folder that a run has written',
  );
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

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

function parseJson<T extends z.ZodType>(text: string, schema: T, path: string): z.output<T> {
  const hint = 'the file is damaged or of another version; start afresh in another --output-dir';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError({ source: path, path: '', message: `not valid JSON: ${messageOf(error)}`, hint });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InputError(
    parsed.error.issues.map(({ path: at, message }) => ({ source: path, path: at.join('.'), message, hint })),
  );
}

function folderIssue(dir: string, message: string, hint: string): InputError {
  return new InputError({ source: dir, path: '', message, hint });
}
