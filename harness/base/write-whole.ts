import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes a file in an existing folder so that a reader meets the old one or the whole new one, whatever happens in
 * between: it is written beside and then renamed. Errors are those of the file system; the old file is then as it was, and nothing
 * stays beside it. What a killed process leaves beside it, the next write takes over.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const partial = join(dirname(path), `.partial-${basename(path)}`);
  try {
    await writeFile(partial, text);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
