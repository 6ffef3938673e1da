import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A file to be written in an existing folder. */
export interface WholeFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Writes a file in an existing folder so that a reader meets the old one or the whole new one, whatever happens in
 * between: it is written beside and then renamed. Errors are those of the file system; the old file is then as it was, and nothing
 * stays beside it. What a killed process leaves beside it, the next write takes over.
 */
export function writeWhole(path: string, text: string): Promise<void> {
  return writeAllWhole([{ path, text }]);
}

/** Does the same for files that belong together: none is renamed before all are written, so that a full disk leaves the old ones. */
export async function writeAllWhole(files: readonly WholeFile[]): Promise<void> {
  try {
    for (const { path, text } of files) await writeFile(partialOf(path), text);
    for (const { path } of files) await rename(partialOf(path), path);
  } catch (error) {
    for (const { path } of files) await rm(partialOf(path), { force: true });
    throw error;
  }
}

function partialOf(path: string): string {
  return join(dirname(path), `.partial-${basename(path)}`);
}
