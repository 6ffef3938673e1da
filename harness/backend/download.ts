import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvironmentError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { lastLines, runCommand } from './command.ts';
import type { Host } from './host.ts';
import { pythonTag, type LibraryPin } from './pins.ts';
import { watchLargestFile, type OnSetupProgress } from './progress.ts';
import { noSpaceError, simulateRemedy } from './remedies.ts';
import type { PythonTool } from './toolchain.ts';

const unpackScript = fileURLToPath(new URL('unpack-wheel.py', import.meta.url));

/**
 * Fetches the pinned wheels with pip, which honours the user's mirror and proxy settings and checks the
 * hashes, and unpacks the needed files into `folder`. It processes one wheel at a time, so that the disk
 * never holds all of them packed. Throws `EnvironmentError` with a remedy on failure.
 */
export async function fetchLibrary(
  host: Host,
  python: PythonTool,
  task: { readonly pin: LibraryPin; readonly folder: string; readonly onProgress: OnSetupProgress },
): Promise<void> {
  const { pin, folder, onProgress } = task;
  const workFolder = join(folder, 'download');
  const requirements = await readRequirements(pin.requirementsFile);
  let doneBytes = 0;
  for (const [index, requirement] of requirements.entries()) {
    const name = requirement.split(' ')[0] ?? requirement;
    const position = requirements.length === 1 ? '' : ` (${index + 1} of ${requirements.length})`;
    const report = (bytes: number): void => {
      const fraction = Math.min(1, (doneBytes + bytes) / pin.downloadBytes);
      const text = `downloading ${name}${position}, ${formatBytes(pin.downloadBytes)} in all`;
      onProgress({ phase: 'download', text, fraction });
    };
    report(0);
    await mkdir(workFolder);
    const wheel = await watchLargestFile(workFolder, report, () =>
      download(host, python, { pin, workFolder, requirement }),
    );
    doneBytes += (await stat(wheel)).size;
    onProgress({ phase: 'unpack', text: `unpacking ${name}${position}` });
    await unpack(host, python, wheel, folder);
    await rm(workFolder, { recursive: true });
  }
}

/** Returns the lines of a requirements file without comments. */
async function readRequirements(path: string): Promise<string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

/** Downloads one wheel and returns its path. */
async function download(
  host: Host,
  python: PythonTool,
  task: { readonly pin: LibraryPin; readonly workFolder: string; readonly requirement: string },
): Promise<string> {
  const { pin, workFolder, requirement } = task;
  const requirementsPath = join(workFolder, 'requirements.txt');
  const wheelFolder = join(workFolder, 'wheels');
  await writeFile(requirementsPath, `${requirement}\n`);
  const args = ['-m', 'pip', 'download', '--no-deps', '--require-hashes', '--only-binary=:all:'];
  args.push('--implementation', 'cp', '--python-version', pythonTag);
  for (const tag of pin.platformTags) args.push('--platform', tag);
  // pip waits longer between successive attempts; with these values it gives up on a dead network after about
  // half a minute.
  args.push('--retries', '2', '--timeout', '20', '--no-input', '--disable-pip-version-check');
  args.push('--dest', wheelFolder, '--requirement', requirementsPath);
  const env = {
    ...host.env,
    // Temporary files go to the folder that is cleaned up after an interruption and whose free space was
    // checked.
    TMPDIR: workFolder,
    // Nothing is installed into the interpreter, so the user's rule against installing outside a virtual
    // environment does not apply.
    PIP_REQUIRE_VIRTUALENV: 'false',
    LC_ALL: 'C.UTF-8',
  };
  const result = await runCommand(python.path, args, { env });
  if (result.kind === 'missing' || result.exitCode !== 0) {
    throw pipError(result.kind === 'missing' ? '' : result.stderr, requirement, host.cacheFolder);
  }
  const [wheel] = await readdir(wheelFolder);
  if (wheel === undefined) throw pipError(result.stderr, requirement, host.cacheFolder);
  return join(wheelFolder, wheel);
}

async function unpack(host: Host, python: PythonTool, wheel: string, folder: string): Promise<void> {
  const result = await runCommand(python.path, [unpackScript, wheel, folder], { env: host.env });
  if (result.kind === 'exited' && result.exitCode === 0) return;
  const stderr = result.kind === 'exited' ? result.stderr : 'python3 does not start';
  if (isOutOfSpace(stderr)) throw noSpaceError(host.cacheFolder);
  throw new EnvironmentError(
    `the TensorFlow library does not unpack: ${lastLines(stderr, 1)}`,
    `run "bench setup" again, ${simulateRemedy}`,
  );
}

const networkFailure =
  /NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|Read timed out|ProxyError|SSLError|Max retries exceeded|Connection (refused|reset|aborted|broken)|Network is unreachable|name resolution|IncompleteRead/;

/** Translates pip's error output into a message and a remedy for the user. */
function pipError(stderr: string, requirement: string, cacheFolder: string): EnvironmentError {
  const name = requirement.split(' ')[0] ?? requirement;
  if (isOutOfSpace(stderr)) return noSpaceError(cacheFolder);
  if (stderr.includes('DO NOT MATCH THE HASHES')) {
    return new EnvironmentError(
      `the download of ${name} has a wrong checksum, so it was thrown away`,
      `run "python3 -m pip cache purge" and "bench setup" again; if it stays, the package index or a proxy changes files (see "python3 -m pip config list"); ${simulateRemedy}`,
    );
  }
  if (networkFailure.test(stderr)) {
    return new EnvironmentError(
      `no network: pip cannot reach its package index to download ${name}`,
      `check the connection, HTTPS_PROXY and "python3 -m pip config list", then run "bench setup" again, ${simulateRemedy}`,
    );
  }
  if (/No matching distribution|Could not find a version/.test(stderr)) {
    return new EnvironmentError(
      `pip's package index does not have ${name} for this platform`,
      `let pip use an index that has it (see "python3 -m pip config list"), ${simulateRemedy}`,
    );
  }
  return new EnvironmentError(
    `pip cannot download ${name}: ${lastLines(stderr)}`,
    `see that "python3 -m pip download ${name}" works, then run "bench setup" again, ${simulateRemedy}`,
  );
}

function isOutOfSpace(stderr: string): boolean {
  return /No space left on device|Errno 28|Disk quota exceeded/.test(stderr);
}
