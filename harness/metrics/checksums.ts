import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorCode } from '../base/errors.ts';
import { writeWhole } from '../base/write-whole.ts';

/** Name of the file in a cell's folder with the SHA-256 of every other file there, by name. */
export const checksumFile = 'checksums.json';

/** The list vouches for itself as well: one that has lost a line is still JSON. */
const checksumsSchema = z.strictObject({
  files: z.record(z.string(), z.string()),
  sha256: z.string(),
});

/** SHA-256 of each file of a cell, by name. */
type Checksums = z.infer<typeof checksumsSchema>['files'];

/** Writes the checksums of all files that are in a cell's folder. */
export async function writeChecksums(cellDir: string): Promise<void> {
  const files: Checksums = {};
  for (const name of (await readdir(cellDir)).toSorted()) {
    if (name !== checksumFile) files[name] = await checksumOf(join(cellDir, name));
  }
  const list = { files, sha256: checksumOfList(files) };
  await writeWhole(join(cellDir, checksumFile), `${JSON.stringify(list, undefined, 2)}\n`);
}

/** Returns the names of the files that a run has written into a cell's folder, or `undefined` where it has left no readable list. */
export async function recordedFiles(cellDir: string): Promise<readonly string[] | undefined> {
  const checksums = await readChecksums(cellDir);
  return checksums && [checksumFile, ...Object.keys(checksums)];
}

/**
 * Compares a cell's files with their checksums. Returns what is wrong, as the rest of a sentence about the cell, or `undefined`
 * where every file is as the run has written it.
 */
export async function damageOf(cellDir: string): Promise<string | undefined> {
  const checksums = await readChecksums(cellDir);
  if (checksums === undefined) return `${checksumFile} is missing or not as it was written`;
  const wrong: string[] = [];
  for (const [name, checksum] of Object.entries(checksums)) {
    const actual = await checksumIfAny(join(cellDir, name));
    if (actual !== checksum)
      wrong.push(`${name} is ${actual === undefined ? 'missing' : 'not as it was written'}`);
  }
  return wrong.length === 0 ? undefined : wrong.join(', ');
}

/** Tells whether one file of a cell is as the run has written it. */
export async function isAsWritten(cellDir: string, name: string): Promise<boolean> {
  const checksum = (await readChecksums(cellDir))?.[name];
  return checksum !== undefined && (await checksumIfAny(join(cellDir, name))) === checksum;
}

/** Returns the SHA-256 of a text in UTF-8. */
export function checksumOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function readChecksums(cellDir: string): Promise<Checksums | undefined> {
  try {
    const text = await readFile(join(cellDir, checksumFile), 'utf8');
    const { files, sha256 } = checksumsSchema.parse(JSON.parse(text));
    return sha256 === checksumOfList(files) ? files : undefined;
  } catch {
    // Whatever is wrong with the list: the cell cannot be vouched for.
    return undefined;
  }
}

function checksumOfList(files: Checksums): string {
  return checksumOfText(JSON.stringify(files));
}

async function checksumIfAny(path: string): Promise<string | undefined> {
  try {
    return await checksumOf(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

/** A file may be larger than the memory. */
async function checksumOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(bytes as Buffer);
  return hash.digest('hex');
}
