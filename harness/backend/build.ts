import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from './host.ts';
import { bindingFolderIn, bindingName, quietName } from './library.ts';
import { compile, type Toolchain } from './toolchain.ts';

/**
 * The Node-API version whose binding the loader of tfjs-node-gpu looks for, on every Node since 16: the highest of
 * its package.json. Node-API is stable, so one binary serves every version of Node.
 */
export const napiVersion = 8;

const quietSource = fileURLToPath(new URL('quiet.cc', import.meta.url));

/**
 * Builds, into the library's folder, the binding of the installed tfjs-node-gpu against the library, and the addon
 * that mutes the library while it loads. The library's headers are gone afterwards.
 */
export async function buildBinding(host: Host, toolchain: Toolchain, libraryFolder: string): Promise<void> {
  const bindingFolder = bindingFolderIn(libraryFolder);
  const bindingPath = join(bindingFolder, bindingName);
  const tensorflowFolder = join(libraryFolder, 'tensorflow');
  const includeFolder = join(tensorflowFolder, 'include');
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) =>
    join(host.packageFolder, 'binding', name),
  );
  await mkdir(bindingFolder);
  await buildAddon(host, toolchain, join(bindingFolder, quietName), [quietSource]);
  const against = [
    '-l:libtensorflow_cc.so.2',
    '-l:libtensorflow_framework.so.2',
    '-Wl,-rpath,$ORIGIN/../tensorflow',
  ];
  await buildAddon(host, toolchain, bindingPath, [
    '-I',
    includeFolder,
    ...sources,
    '-L',
    tensorflowFolder,
    ...against,
  ]);
  await rm(includeFolder, { recursive: true });
}

/** What binding.gyp comes down to, without node-gyp: no make, and no headers to download. */
async function buildAddon(
  host: Host,
  tools: Toolchain,
  output: string,
  args: readonly string[],
): Promise<void> {
  const flags = [
    '-std=c++17',
    '-O2',
    '-fPIC',
    '-shared',
    `-DNAPI_VERSION=${napiVersion}`,
    '-I',
    tools.headerFolder,
  ];
  await compile(host, tools.compiler, [...flags, '-o', output, ...args]);
}
