import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { errorCode } from '../base/errors.ts';
import { isProcessAlive } from '../base/process-record.ts';
import { writeWhole } from '../base/write-whole.ts';
import { folderFiles } from './progress.ts';

/** The versions from which a library was made; if any differs, the library is built again. */
export interface LibraryVersions {
  /** Number to be raised when the build changes although the sources do not. */
  readonly recipe: number;
  readonly tensorflowVersion: string;
  readonly tfjsVersion: string;
}

/**
 * A library folder in the cache:
 *
 *     tensorflow/libtensorflow_cc.so.2, libtensorflow_framework.so.2
 *     nvidia/<part>/lib/*.so      where TensorFlow looks for CUDA, relative to itself
 *     binding/tfjs_binding.node   finds TensorFlow as ../tensorflow
 *     binding/quiet.node          see quiet.cc
 *     complete.json               this manifest, written last: all files with their sizes
 *     checked.json                written whenever the library has been seen to compute
 *
 * The folder is filled under another name and then renamed, so it always exists completely or not at all.
 */
interface LibraryManifest extends LibraryVersions {
  /** Size in bytes of every file, by its path inside the folder. */
  readonly files: Readonly<Record<string, number>>;
}

const manifestName = 'complete.json';
/** When each file was last changed, by the file system's clock, at a time at which the library computed. */
const checkedName = 'checked.json';
const partialMark = '.partial-';
/**
 * Age in milliseconds (one day) after which a partial folder of another machine counts as abandoned; far
 * longer than any download.
 */
const maxPartialAgeMs = 86_400_000;

/** TensorFlow's shared library in the folder `tensorflow`. */
export const libraryName = 'libtensorflow_cc.so.2';
export const bindingName = 'tfjs_binding.node';
/** Name of the addon of quiet.cc, in the same folder as every binding built here. */
export const quietName = 'quiet.node';

/** A manifest that has lost these is damaged itself. */
const essentialFiles = [
  join('tensorflow', libraryName),
  join('binding', bindingName),
  join('binding', quietName),
];

export function bindingFolderIn(libraryFolder: string): string {
  return join(libraryFolder, 'binding');
}

/** Tells whether the folder holds every file of the library for these versions, each with its full size. */
export async function isWholeLibrary(folder: string, versions: LibraryVersions): Promise<boolean> {
  try {
    const manifest: LibraryManifest = JSON.parse(await readFile(join(folder, manifestName), 'utf8'));
    const { files, ...madeFrom } = manifest;
    if (!isDeepStrictEqual(madeFrom, versions)) return false;
    if (!essentialFiles.every((path) => Object.hasOwn(files, path))) return false;
    for (const [path, bytes] of Object.entries(files)) {
      if ((await stat(join(folder, path))).size !== bytes) return false;
    }
    return true;
  } catch {
    // A missing or unreadable manifest, or a missing file, is an expected reason for "no".
    return false;
  }
}

/** Notes that the library, as it is now, computes. Where the cache is read-only, it is checked again next time. */
export async function markChecked(folder: string): Promise<void> {
  const text = JSON.stringify(await changeTimes(folder), undefined, 2);
  await writeWhole(join(folder, checkedName), text).catch(() => undefined);
}

/** Tells whether the library has computed and nothing has been written to it since. */
export async function isUnchangedSinceCheck(folder: string): Promise<boolean> {
  try {
    const checked: unknown = JSON.parse(await readFile(join(folder, checkedName), 'utf8'));
    return isDeepStrictEqual(checked, await changeTimes(folder));
  } catch {
    return false;
  }
}

/** The time of each file's last change, which no program can set, in milliseconds by path. */
async function changeTimes(folder: string): Promise<Readonly<Record<string, number>>> {
  const times: Record<string, number> = {};
  for (const [path] of await folderFiles(folder)) {
    if (path !== checkedName) times[path] = (await stat(join(folder, path))).ctimeMs;
  }
  return times;
}

/** Creates an empty folder next to the library's; its name identifies the process that fills it. */
export async function createPartial(libraryFolder: string): Promise<string> {
  return mkdtemp(`${libraryFolder}${partialMark}${hostname()}-${process.pid}-`);
}

/** Turns a filled partial folder into the library by renaming it. */
export async function publishLibrary(
  partialFolder: string,
  libraryFolder: string,
  versions: LibraryVersions,
): Promise<void> {
  const files = await folderFiles(partialFolder);
  const manifest: LibraryManifest = { ...versions, files: Object.fromEntries(files) };
  await writeFile(join(partialFolder, manifestName), JSON.stringify(manifest, undefined, 2));
  // mkdtemp creates private folders, but a cache may be shared.
  await chmod(partialFolder, 0o755);
  await discard(libraryFolder);
  await rename(partialFolder, libraryFolder);
}

/** Deletes the partial folders of this library that interrupted runs have left. */
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

/** Deletes a folder. It is renamed first, so that nobody finds an incomplete folder under its name. */
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

/** Returns the current time of the file system, which may differ from this machine's. */
async function fileSystemTimeMs(folder: string): Promise<number> {
  const probe = await mkdtemp(join(folder, '.time-'));
  const { mtimeMs } = await stat(probe);
  await rm(probe, { recursive: true });
  return mtimeMs;
}
