import { lstat, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvironmentError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { checkBinding } from './binding-check.ts';
import { buildBinding } from './build.ts';
import { queryGpus } from './devices.ts';
import { fetchLibrary } from './download.ts';
import { currentHost, type Host } from './host.ts';
import { bindingFolderOf, installLibrary } from './install.ts';
import {
  bindingFolderIn,
  bindingName,
  cleanPartials,
  createPartial,
  discard,
  isUnchangedSinceCheck,
  isWholeLibrary,
  markChecked,
  publishLibrary,
} from './library.ts';
import { defaultLockTiming, withLock } from './lock.ts';
import { pinFor, tensorflowVersion, type LibraryDevice, type LibraryPin } from './pins.ts';
import type { OnSetupProgress } from './progress.ts';
import { fileSystemError, noSpaceError, simulateRemedy } from './remedies.ts';
import { requireSupported } from './support.ts';
import { findToolchain } from './toolchain.ts';

/** See `LibraryVersions`. */
const recipe = 2;

export type RequestedDevice = 'auto' | LibraryDevice;

export interface EnsureOptions {
  readonly device: RequestedDevice;
  /** Whether a library that is there is seen to compute even where nothing has changed since it last was; a disk may lose what nobody has written. */
  readonly isChecked?: boolean;
  readonly onProgress?: OnSetupProgress;
}

export interface BackendInstallation {
  /**
   * Where the library came from: `cache`, or `package` if tfjs-node-gpu's own install script had installed a
   * working one.
   */
  readonly source: 'cache' | 'package';
  /** Device for which the library has kernels; a CUDA library computes on the CPU if there is no GPU. */
  readonly device: LibraryDevice;
  readonly tensorflowVersion: string;
  readonly bindingPath: string;
  /** Whether this call built the library; false if it existed already. */
  readonly isNew: boolean;
}

/**
 * Makes `import('@tensorflow/tfjs-node-gpu')` work in this checkout: fetches TensorFlow, builds the binding
 * and installs it, unless that has been done. It may be interrupted at any point and may run twice at once.
 * Throws `EnvironmentError` with a remedy if the machine lacks something.
 */
export async function ensureBackend(
  options: EnsureOptions,
  host: Host = currentHost(),
): Promise<BackendInstallation> {
  const onProgress = options.onProgress ?? (() => undefined);
  requireSupported(host);
  const device = options.device === 'auto' ? await detectDevice(host) : options.device;
  const own = await findPackageLibrary(host, device);
  if (own !== undefined) {
    onProgress({
      phase: 'verify',
      text: `using TensorFlow ${own.tensorflowVersion} of tfjs-node-gpu's own install`,
    });
    return own;
  }
  const folder = libraryFolderOf(host, device);
  const { isChecked = false } = options;
  const isNew = await ensureLibrary(host, { device, folder, onProgress, isChecked });
  await installLibrary(host, folder);
  onProgress({
    phase: 'install',
    text: `TensorFlow ${tensorflowVersion} for ${device} is installed`,
    fraction: 1,
  });
  return {
    source: 'cache',
    device,
    tensorflowVersion,
    bindingPath: join(bindingFolderIn(folder), bindingName),
    isNew,
  };
}

/** Chooses CUDA if the driver shows a GPU and there is a CUDA library for the machine. */
export async function detectDevice(host: Host): Promise<LibraryDevice> {
  if (pinFor('cuda', host.arch) === undefined) return 'cpu';
  return (await queryGpus(host.env)).length > 0 ? 'cuda' : 'cpu';
}

export function libraryFolderOf(host: Host, device: LibraryDevice): string {
  return join(host.cacheFolder, `tensorflow-${tensorflowVersion}-${device}-${host.arch}`);
}

/**
 * Returns the library of the package's own install script if it exists and computes on the wanted device;
 * otherwise undefined.
 */
async function findPackageLibrary(
  host: Host,
  device: LibraryDevice,
): Promise<BackendInstallation | undefined> {
  const folder = bindingFolderOf(host);
  const isOwn = await lstat(folder).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isOwn) return undefined;
  const bindingPath = join(folder, bindingName);
  const check = await checkBinding(host, bindingPath);
  if (check.kind === 'fails') return undefined;
  const actualDevice = check.report.usesGpu ? 'cuda' : 'cpu';
  if (actualDevice !== device) return undefined;
  const { tensorflowVersion: version } = check.report;
  return { source: 'package', device, tensorflowVersion: version, bindingPath, isNew: false };
}

interface LibraryTask {
  readonly device: LibraryDevice;
  readonly folder: string;
  readonly onProgress: OnSetupProgress;
}

/** Builds the library unless it is complete and computes. Returns whether it had to be built. */
async function ensureLibrary(
  host: Host,
  task: LibraryTask & { readonly isChecked: boolean },
): Promise<boolean> {
  const { folder, onProgress } = task;
  const versions = { recipe, tensorflowVersion, tfjsVersion: await tfjsVersionOf(host) };
  const isReady = async (): Promise<boolean> =>
    (await isWholeLibrary(folder, versions)) && (await stillComputes(host, task));
  if (await isReady()) return false;
  try {
    await mkdir(host.cacheFolder, { recursive: true });
    const onWait = (owner: string): void => {
      onProgress({ phase: 'wait', text: `waiting for ${owner}, which is setting up the same library` });
    };
    return await withLock(`${folder}.lock`, { timing: defaultLockTiming, onWait }, async () => {
      if (await isReady()) return false;
      await cleanPartials(folder);
      const partial = await createPartial(folder);
      try {
        await makeLibrary(host, { ...task, folder: partial });
        await publishLibrary(partial, folder, versions);
        await markChecked(folder);
      } finally {
        await discard(partial);
      }
      return true;
    });
  } catch (error) {
    throw fileSystemError(error, host.cacheFolder);
  }
}

/** Tells whether a whole library computes; it is run where that is not known of the files as they are. */
async function stillComputes(
  host: Host,
  { folder, onProgress, isChecked }: LibraryTask & { readonly isChecked: boolean },
): Promise<boolean> {
  if (!isChecked && (await isUnchangedSinceCheck(folder))) return true;
  const check = await checkBinding(host, join(bindingFolderIn(folder), bindingName));
  if (check.kind === 'computes') {
    await markChecked(folder);
    return true;
  }
  onProgress({
    phase: 'inspect',
    text: `TensorFlow does not compute any more, it is set up again: ${check.cause}`,
  });
  return false;
}

/** Fills an empty folder with a library and checks that it computes. */
async function makeLibrary(host: Host, task: LibraryTask): Promise<void> {
  const { device, folder, onProgress } = task;
  const pin = requirePin(device, host);
  onProgress({ phase: 'inspect', text: 'looking for Python, pip, a C++ compiler and disk space' });
  const toolchain = await findToolchain(host);
  await requireSpace(host, pin);
  await fetchLibrary(host, toolchain.python, { pin, folder, onProgress });
  onProgress({ phase: 'build', text: `building the binding with ${toolchain.compiler.version}` });
  await buildBinding(host, toolchain, folder);
  onProgress({ phase: 'verify', text: 'checking that it computes' });
  const check = await checkBinding(host, join(bindingFolderIn(folder), bindingName));
  if (check.kind === 'fails') {
    throw new EnvironmentError(
      `TensorFlow ${tensorflowVersion} was built but does not compute here: ${check.cause}`,
      `run "bench doctor" for more, ${simulateRemedy}`,
    );
  }
  const where = check.report.usesGpu ? 'the GPU' : 'the CPU';
  onProgress({ phase: 'verify', text: `TensorFlow ${check.report.tensorflowVersion} computes on ${where}` });
}

function requirePin(device: LibraryDevice, host: Host): LibraryPin {
  const pin = pinFor(device, host.arch);
  if (pin !== undefined) return pin;
  throw new EnvironmentError(
    `there is no TensorFlow library with ${device} kernels for ${host.platform} ${host.arch}`,
    `use --device cpu, ${simulateRemedy}`,
  );
}

async function requireSpace(host: Host, pin: LibraryPin): Promise<void> {
  const freeBytes = await host.freeBytes(host.cacheFolder);
  if (freeBytes >= pin.peakBytes) return;
  const detail = `: ${formatBytes(freeBytes)} are free, about ${formatBytes(pin.peakBytes)} are needed`;
  throw noSpaceError(host.cacheFolder, detail);
}

async function tfjsVersionOf(host: Host): Promise<string> {
  const text = await readFile(join(host.packageFolder, 'package.json'), 'utf8');
  const { version }: { readonly version: string } = JSON.parse(text);
  return version;
}
