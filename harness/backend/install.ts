import { lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import { napiVersion } from './build.ts';
import type { Host } from './host.ts';
import { bindingFolderIn, discard } from './library.ts';
import { errorCode, simulateRemedy } from './remedies.ts';

/** Where the loader of tfjs-node-gpu looks for its binding. */
export function bindingFolderOf(host: Host): string {
  return join(host.packageFolder, 'lib', `napi-v${napiVersion}`);
}

/**
 * Makes the library the one that `@tensorflow/tfjs-node-gpu` loads: its binding folder becomes a link into the cache,
 * set by one rename. Node resolves the link before it opens the binding, which then finds TensorFlow beside itself.
 */
export async function installLibrary(host: Host, libraryFolder: string): Promise<void> {
  const link = bindingFolderOf(host);
  const target = bindingFolderIn(libraryFolder);
  if ((await linkTarget(link)) === target) return;
  try {
    await mkdir(dirname(link), { recursive: true });
    const isFolder = await lstat(link).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    // Left by the package's own install script, and found not to work.
    if (isFolder) await discard(link);
    const fresh = `${link}.${process.pid}`;
    await rm(fresh, { force: true });
    await symlink(target, fresh);
    await rename(fresh, link);
  } catch (cause) {
    throw new EnvironmentError(
      `cannot write to ${host.packageFolder} (${errorCode(cause) ?? messageOf(cause)})`,
      `make the folder writable and run "bench setup" again, ${simulateRemedy}`,
      { cause },
    );
  }
}

/** Folder in the cache that is installed; `undefined` when nothing is, or something that is not ours. */
export async function linkTarget(link: string): Promise<string | undefined> {
  return readlink(link).catch(() => undefined);
}
