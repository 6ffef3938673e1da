import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { folderFiles } from './progress.ts';
import { isProcessAlive } from './lock.ts';
import { errorCode } from './remedies.ts';

/** What a library was made from; another answer means another library. */
export interface LibraryVersions {
  /** Raised when we build something else from the same sources. */
  readonly recipe: number;
  readonly tensorflowVersion: string;
  readonly tfjsVersion: string;
}

/**
 * A library folder in the cache:
 *
 *     tensorflow/libtensorflow_cc.so.2, libtensorflow_framework.so.2
 *     nvidia/<part>/lib/*.so      beside it, where TensorFlow looks for CUDA
 *     binding/tfjs_binding.node   finds TensorFlow as ../tensorflow
 *     binding/quiet.node          see quiet.cc
 *     complete.json               written last: which files belong to it, with their sizes
 *
 * It is made under another name and renamed, so it is there as a whole or not at all.
 */
interface LibraryManifest extends LibraryVersions {
  /** Bytes of every file, by its path inside the folder. */
  readonly files: Readonly<Record<string, number>>;
}

const manifestName = 'complete.json';
const partialMark = '.partial-';
/** A day: far longer than any download. */
const maxPartialAgeMs = 86_400_000;

export const bindingName = 'tfjs_binding.node';
/** The addon of quiet.cc, beside every binding that we built. */
export const quietName = 'quiet.node';

export function bindingFolderIn(libraryFolder: string): string {
  return join(libraryFolder, 'binding');
}

/** Whether the folder holds every file of the library for these versions, in full length. */
export async function isWholeLibrary(folder: string, versions: LibraryVersions): Promise<boolean> {
  try {
    const manifest: LibraryManifest = JSON.parse(await readFile(join(folder, manifestName), 'utf8'));
    const { files, ...madeFrom } = manifest;
    if (!isDeepStrictEqual(madeFrom, versions)) return false;
    for (const [path, bytes] of Object.entries(files)) {
      if ((await stat(join(folder, path))).size !== bytes) return false;
    }
    return true;
  } catch {
    // No manifest, an unreadable one, or a missing file: expected answers to the question.
    return false;
  }
}

/** An empty folder beside the library's, named after the process that fills it. */
export async function createPartial(libraryFolder: string): Promise<string> {
  return mkdtemp(`${libraryFolder}${partialMark}${hostname()}-${process.pid}-`);
}

/** Makes a filled partial folder the library, by renaming. */
export async function publishLibrary(
  partialFolder: string,
  libraryFolder: string,
  versions: LibraryVersions,
): Promise<void> {
  const files = await folderFiles(partialFolder);
  const manifest: LibraryManifest = { ...versions, files: Object.fromEntries(files) };
  await writeFile(join(partialFolder, manifestName), JSON.stringify(manifest, undefined, 2));
  // mkdtemp makes it private; a cache may be shared.
  await chmod(partialFolder, 0o755);
  await discard(libraryFolder);
  await rename(partialFolder, libraryFolder);
}

/** Deletes what interrupted runs left behind for this library. */
export async function cleanPartials(libraryFolder: string): Promise<void> {
  const parent = dirname(libraryFolder);
  const prefix = `${basename(libraryFolder)}${partialMark}`;
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  const now = names.length > 0 ? await fileSystemTimeMs(parent) : 0;
  for (const name of names) {
    const folder = join(parent, name);
    const owner = /^(.*)-(\d+)-[^-]+$/.exec(name.slice(prefix.length));
    const isOurHost = owner?.[1] === hostname();
    const isAbandoned = isOurHost
      ? !isProcessAlive(Number(owner?.[2]))
      : now - (await stat(folder)).mtimeMs > maxPartialAgeMs;
    if (isAbandoned) await discard(folder);
  }
}

/** Renamed before it is deleted, so that nobody ever finds a part of it under its name. */
export async function discard(folder: string): Promise<void> {
  const doomed = `${folder}${partialMark}${hostname()}-${process.pid}-discarded`;
  try {
    await rename(folder, doomed);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  await rm(doomed, { recursive: true, force: true, maxRetries: 3 });
}

/** Time of the file system, which may not be this machine's. */
async function fileSystemTimeMs(folder: string): Promise<number> {
  const probe = await mkdtemp(join(folder, '.time-'));
  const { mtimeMs } = await stat(probe);
  await rm(probe, { recursive: true });
  return mtimeMs;
}
