import { fileURLToPath } from 'node:url';

/** The release whose shared libraries and C headers the binding is built against. */
export const tensorflowVersion = '2.21.0';

/** Which kernels a library holds. */
export type LibraryDevice = 'cpu' | 'cuda';

/** One library that can be fetched: which wheels, and what they cost. */
export interface LibraryPin {
  readonly device: LibraryDevice;
  readonly arch: 'x64' | 'arm64';
  /** pip requirements, every one with its SHA-256. */
  readonly requirementsFile: string;
  /** pip's platform tags that the pinned wheels carry, in pip's order of preference. */
  readonly platformTags: readonly string[];
  /** Sum of the wheels, for progress. */
  readonly downloadBytes: number;
  /** Most that is needed at once: installed files, pip's own cache, and the largest wheel twice. */
  readonly peakBytes: number;
}

/** Any CPython would do, since only shared libraries and headers are used; one tag keeps one hash per wheel. */
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

/** The library for a machine, `undefined` where there is none. All of them are for Linux with glibc. */
export function pinFor(device: LibraryDevice, arch: string): LibraryPin | undefined {
  return pins.find((pin) => pin.device === device && pin.arch === arch);
}
