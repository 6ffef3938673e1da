import { EnvironmentError } from '../base/errors.ts';
import type { Host } from './host.ts';
import { pinFor } from './pins.ts';
import { simulateRemedy } from './remedies.ts';

/** The glibc version for which the pinned wheels are built (their tag is manylinux_2_27). */
const oldestGlibc = { major: 2, minor: 27 };
const nodeMajors = { min: 20, max: 22 };

/** Throws `EnvironmentError` if no pinned library can run on the machine. */
export function requireSupported(host: Host): void {
  const nodeMajor = Number(host.nodeVersion.split('.')[0]);
  if (nodeMajor < nodeMajors.min || nodeMajor > nodeMajors.max) {
    throw new EnvironmentError(
      `Node ${host.nodeVersion} does not run tfjs-node-gpu (it uses functions that Node 23 removed)`,
      `use Node ${nodeMajors.min} or ${nodeMajors.max}, ${simulateRemedy}`,
    );
  }
  if (host.platform !== 'linux' || pinFor('cpu', host.arch) === undefined) {
    throw new EnvironmentError(
      `real execution runs on Linux (x64 and arm64), not on ${host.platform} ${host.arch}`,
      `use a Linux machine or container, ${simulateRemedy}`,
    );
  }
  if (!isGlibcSupported(host.glibcVersion)) {
    const found = host.glibcVersion === undefined ? 'another C library' : `glibc ${host.glibcVersion}`;
    throw new EnvironmentError(
      `TensorFlow needs glibc ${oldestGlibc.major}.${oldestGlibc.minor} or later, this machine has ${found}`,
      `use a newer distribution with glibc (Debian, Ubuntu, Fedora), ${simulateRemedy}`,
    );
  }
}

function isGlibcSupported(version: string | undefined): boolean {
  if (version === undefined) return false;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldestGlibc.major || (major === oldestGlibc.major && minor >= oldestGlibc.minor);
}
