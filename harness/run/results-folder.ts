import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeChecksums } from '../metrics/checksums.ts';
import { cellFolder } from '../metrics/read-results.ts';
import type { CellSummary, Manifest } from '../metrics/results.ts';
import { makeFolders } from './claim-folder.ts';
import { explainDiskError, writeJson } from './disk.ts';
import { writeWhole } from '../base/write-whole.ts';

/** A results folder on disk. A cell's folder appears whole or not at all, and so does every file. */
export class ResultsFolder {
  readonly dir: string;
  readonly #requireHeld: () => Promise<void>;
  #manifestWritten: Promise<void> = Promise.resolve();

  constructor(dir: string, requireHeld: () => Promise<void>) {
    this.dir = dir;
    this.#requireHeld = requireHeld;
  }

  get logFile(): string {
    return join(this.dir, 'worker.log');
  }

  /** Makes an empty folder for a cell under way, and removes what an earlier attempt left there. Returns its path. */
  async beginCell(id: string): Promise<string> {
    const partial = this.#partialDir(id);
    await this.#explained(async () => {
      await rm(policyLogFile(this.dir, id), { force: true });
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial, { recursive: true });
    });
    return partial;
  }

  /** Makes the folder of what policies print. Returns the path of the cell's file there, which is not made yet. */
  async beginLog(id: string): Promise<string> {
    const file = policyLogFile(this.dir, id);
    await this.#explained(async () => void (await mkdir(dirname(file), { recursive: true })));
    return file;
  }

  async commitCell(summary: CellSummary): Promise<void> {
    const partial = this.#partialDir(summary.id);
    const final = cellFolder(this.dir, summary.id);
    await this.#requireHeld();
    await this.#explained(async () => {
      await writeJson(join(partial, 'summary.json'), summary);
      await writeChecksums(partial);
      await rm(final, { recursive: true, force: true });
      await rename(partial, final);
    });
  }

  async abandonCell(id: string): Promise<void> {
    await rm(this.#partialDir(id), { recursive: true, force: true });
  }

  /** Writes the manifest after all earlier writes of it: cells may end at the same time, and the last word stands. */
  writeManifest(manifest: Manifest): Promise<void> {
    const write = async (): Promise<void> => {
      await this.#requireHeld();
      await this.#explained(() => writeJson(join(this.dir, 'manifest.json'), manifest));
    };
    this.#manifestWritten = this.#manifestWritten.then(write, write);
    return this.#manifestWritten;
  }

  /** Writes the text of the summary. */
  async writeSummary(text: string): Promise<void> {
    await this.#explained(() => writeWhole(join(this.dir, 'summary.json'), text));
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
 * Returns the file with what the plug-ins of a cell have printed. It stands beside the cells, not in them: it is no result, and a cell
 * that fails, and has no folder, leaves it as well.
 */
export function policyLogFile(dir: string, cellId: string): string {
  return join(dir, logsFolder, `${cellId}.log`);
}

/** Name of the folder with what plug-ins have printed. */
export const logsFolder = 'logs';

/**
 * Makes what a results folder consists of, and checks that it can be written to. `requireHeld` is asked before anything of consequence
 * is written.
 */
export async function openFolder(
  dir: string,
  requireHeld: () => Promise<void> = async () => {},
): Promise<ResultsFolder> {
  const probe = join(dir, '.partial-probe');
  try {
    await makeFolders(join(dir, 'cells'));
    await makeFolders(probe);
    await rm(probe, { recursive: true });
  } catch (error) {
    throw explainDiskError(error, dir);
  }
  return new ResultsFolder(dir, requireHeld);
}
