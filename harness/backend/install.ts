import { lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EnvironmentError, errorCode, messageOf } from '../base/errors.ts';
import { napiVersion } from './build.ts';
import type { Host } from './host.ts';
import { bindingFolderIn, discard } from './library.ts';
import { simulateRemedy } from './remedies.ts';

/** Returns the folder in which tfjs-node-gpu looks for its binding. */
export function bindingFolderOf(host: Host): string {
  return join(host.packageFolder, 'lib', `napi-v${napiVersion}`);
}

/**
 * Makes `@tensorflow/tfjs-node-gpu` load this library: its binding folder becomes a link into the cache, set
 * atomically by a rename. Node resolves the link before it opens the binding, which then finds TensorFlow
 * relative to itself. Throws `EnvironmentError` if the package's folder is not writable.
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
    // A folder here was left by the package's own install script; its binding does not work, or is for
    // another device.
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

/**
 * Returns the cache folder to which the link points; undefined if there is no link (nothing installed, or a
 * folder of the package's own install script).
 */
export async function linkTarget(link: string): Promise<string | undefined> {
  return readlink(link).catch(() => undefined);
}
