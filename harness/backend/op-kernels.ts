import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvironmentError } from '../base/errors.ts';
import { lastLines, runCommand } from './command.ts';
import { backendEnvironment } from './environment.ts';
import type { Host } from './host.ts';
import { decodeKernelList, type Kernel } from './kernel-list.ts';
import { libraryName } from './library.ts';
import type { LibraryDevice } from './pins.ts';
import { libraryFolderOf } from './provision.ts';
import { dtypeCodes, type DType } from './tensorflow-backend.ts';
import { findPython } from './toolchain.ts';

/** Ops by name, each with the combinations of types that it runs with, by the op's attributes. */
export type UsedOps = Readonly<Record<string, readonly Readonly<Record<string, DType>>[]>>;

/** Whether a library has a kernel for one combination of types of an op. */
export interface OpKernel {
  readonly op: string;
  readonly types: Readonly<Record<string, DType>>;
  readonly hasKernel: boolean;
}

/** What a library's registry says of the ops that the model runs. */
export interface OpKernels {
  readonly device: LibraryDevice;
  readonly tensorflowVersion: string;
  readonly kernels: readonly OpKernel[];
}

const script = fileURLToPath(new URL('kernel-registry.py', import.meta.url));

/** TensorFlow's names of the devices whose kernels a library's device runs. */
const deviceTypes = { cpu: ['CPU', 'DEFAULT'], cuda: ['GPU', 'DEFAULT'] } as const satisfies Record<
  LibraryDevice,
  readonly string[]
>;

/**
 * Looks the ops up in the registry of the library in the cache for this device; no GPU is needed. Throws
 * `EnvironmentError` if the library is not set up, Python is missing, or the library does not load.
 */
export async function findOpKernels(host: Host, device: LibraryDevice, ops: UsedOps): Promise<OpKernels> {
  const libraryPath = join(libraryFolderOf(host, device), 'tensorflow', libraryName);
  if (!existsSync(libraryPath)) {
    throw new EnvironmentError(
      `TensorFlow for ${device} is not set up, so its kernels cannot be listed`,
      `run "bench setup --device ${device}"`,
    );
  }
  const registry = await readRegistry(host, libraryPath, Object.keys(ops));
  const kernels = Object.entries(ops).flatMap(([op, uses]) => {
    const registered = decodeKernelList(Buffer.from(registry.kernels[op] ?? '', 'hex'));
    const usable = registered.filter((kernel) => deviceTypes[device].some((name) => name === kernel.device));
    return uses.map((types) => ({ op, types, hasKernel: usable.some((kernel) => accepts(kernel, types)) }));
  });
  return { device, tensorflowVersion: registry.tensorflowVersion, kernels };
}

function accepts({ allowedTypes }: Kernel, types: Readonly<Record<string, DType>>): boolean {
  return [...allowedTypes].every(([attribute, allowed]) => {
    const type = types[attribute];
    return type !== undefined && allowed.includes(dtypeCodes[type]);
  });
}

interface Registry {
  readonly tensorflowVersion: string;
  /** The serialized list of kernels in hexadecimal digits, by op. */
  readonly kernels: Readonly<Record<string, string>>;
}

/** Reads the registry in a process of its own: a process has room for one TensorFlow, and a library may crash. */
async function readRegistry(host: Host, libraryPath: string, ops: readonly string[]): Promise<Registry> {
  const python = await findPython(host);
  const env = { ...host.env, ...backendEnvironment({ numThreads: 1 }, host.env) };
  const result = await runCommand(python.path, [script, libraryPath, ...ops], { env });
  if (result.kind === 'missing' || result.exitCode !== 0) {
    const cause = result.kind === 'missing' ? 'python3 does not start' : lastLines(result.stderr, 1);
    throw new EnvironmentError(
      `the kernels of ${libraryPath} cannot be listed: ${cause}`,
      'run "bench setup" with the same --device again',
    );
  }
  const registry: Registry = JSON.parse(lastLines(result.stdout, 1));
  return registry;
}
