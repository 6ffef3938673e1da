import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { EnvironmentError } from '../base/errors.ts';
import { ownPackage } from '../base/own-package.ts';

/**
 * All properties of the machine on which provisioning depends, in one place so that tests can invent
 * machines.
 */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Version of glibc; undefined if the C library is another one. */
  readonly glibcVersion: string | undefined;
  readonly nodeVersion: string;
  /** The Node executable that runs the check of the binding. */
  readonly nodePath: string;
  /** Environment of every program that is started; its `PATH` decides which Python and compiler are found. */
  readonly env: NodeJS.ProcessEnv;
  /** Folder that holds the libraries, in one folder each. */
  readonly cacheFolder: string;
  /** Installed folder of @tensorflow/tfjs-node-gpu. Throws an `EnvironmentError` where there is none. */
  readonly packageFolder: string;
  /** Folders that may hold `node_api.h`; the first that does is used. */
  readonly headerFolders: readonly string[];
  /** Returns how many bytes this user may still write to the file system of an existing folder. */
  freeBytes(folder: string): Promise<number>;
}

export function currentHost(): Host {
  return {
    platform: process.platform,
    arch: process.arch,
    get glibcVersion() {
      return glibcVersion();
    },
    nodeVersion: process.versions.node,
    nodePath: process.execPath,
    env: process.env,
    cacheFolder: cacheFolderOf(process.env),
    get packageFolder() {
      return tfjsFolder();
    },
    headerFolders: headerFolders(),
    freeBytes: async (folder) => {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
  };
}

const require = createRequire(import.meta.url);

/**
 * Whoever installs servebench need not have the package: simulated runs do without, and npm would run its install script, which downloads
 * a library that is not used here and fails without a connection.
 */
function tfjsFolder(): string {
  try {
    return dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  } catch (error) {
    const { peerDependencies } = ownPackage();
    const name = '@tensorflow/tfjs-node-gpu';
    throw new EnvironmentError(
      `${name} is not installed, and measured runs execute on it`,
      `run "npm install --ignore-scripts ${name}@${peerDependencies[name]}", or use --mode simulate, which needs no TensorFlow`,
      { cause: error },
    );
  }
}

/** Returns `SERVEBENCH_CACHE_DIR`, or else a folder in the user's cache by the XDG base directory rules. */
function cacheFolderOf(env: NodeJS.ProcessEnv): string {
  const own = env['SERVEBENCH_CACHE_DIR'];
  // The links to the library have to lead there from anywhere.
  if (own !== undefined && own !== '') return resolve(own);
  const xdg = env['XDG_CACHE_HOME'];
  // The specification has relative paths ignored.
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'servebench');
}

function glibcVersion(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime;
}

/** Most installations of Node include its headers; for the others there is the node-api-headers package. */
function headerFolders(): string[] {
  const besideNode = join(dirname(process.execPath), '..', 'include', 'node');
  try {
    return [besideNode, join(dirname(require.resolve('node-api-headers/package.json')), 'include')];
  } catch {
    return [besideNode];
  }
}
