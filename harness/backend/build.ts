import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from './host.ts';
import { bindingFolderIn, bindingName, libraryName, quietName } from './library.ts';
import { compile, type Toolchain } from './toolchain.ts';

/**
 * Node-API version whose binding tfjs-node-gpu loads on every Node since 16: the highest in its package.json.
 * Node-API is stable, so one binary works with every version of Node.
 */
export const napiVersion = 8;

const quietSource = fileURLToPath(new URL('quiet.cc', import.meta.url));

/**
 * Builds two addons in the library's folder: the binding of the installed tfjs-node-gpu, linked against the
 * library, and the addon that mutes the library while it loads. Deletes the library's headers afterwards.
 * Throws `EnvironmentError` if a build fails.
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
    `-l:${libraryName}`,
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

/**
 * Compiles an addon with the effective flags of binding.gyp, but without node-gyp, which would need make and
 * download headers.
 */
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
