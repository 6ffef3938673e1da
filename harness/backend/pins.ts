import { fileURLToPath } from 'node:url';

/** The release against whose shared libraries and C headers the binding is built. */
export const tensorflowVersion = '2.21.0';

/** The devices for which a library has kernels. A CUDA library also has CPU kernels. */
export type LibraryDevice = 'cpu' | 'cuda';

/** One library that can be fetched: its wheels and their sizes. */
export interface LibraryPin {
  readonly device: LibraryDevice;
  readonly arch: 'x64' | 'arm64';
  /** Path of a file of pip requirements, each with its SHA-256. */
  readonly requirementsFile: string;
  /** Platform tags of the pinned wheels, in pip's order of preference. */
  readonly platformTags: readonly string[];
  /** Total size of the wheels, for progress. */
  readonly downloadBytes: number;
  /** Largest disk space needed at any time: installed files, pip's own cache, and the largest wheel twice. */
  readonly peakBytes: number;
}

/**
 * Python version of the wheels. Any CPython would do, because only shared libraries and headers are used; a
 * fixed one means one hash per wheel.
 */
export const pythonTag = '3.11';

const pins: readonly LibraryPin[] = [
  {
    device: 'cpu',
    arch: 'x64',
    requirementsFile: fileURLToPath(new URL('requirements-cpu-x64.txt', import.meta.url)),
    platformTags: ['manylinux_2_27_x86_64'],
    downloadBytes: 274e6,
    peakBytes: 1.7e9,
  },
  {
    device: 'cpu',
    arch: 'arm64',
    requirementsFile: fileURLToPath(new URL('requirements-cpu-arm64.txt', import.meta.url)),
    platformTags: ['manylinux_2_27_aarch64'],
    downloadBytes: 290e6,
    peakBytes: 1.8e9,
  },
  {
    device: 'cuda',
    arch: 'x64',
    requirementsFile: fileURLToPath(new URL('requirements-cuda-x64.txt', import.meta.url)),
    platformTags: ['manylinux_2_27_x86_64', 'manylinux2014_x86_64', 'manylinux2010_x86_64'],
    downloadBytes: 3.34e9,
    peakBytes: 10.5e9,
  },
];

/** Returns the library for a machine, or undefined if there is none. All are for Linux with glibc. */
export function pinFor(device: LibraryDevice, arch: string): LibraryPin | undefined {
  return pins.find((pin) => pin.device === device && pin.arch === arch);
}
