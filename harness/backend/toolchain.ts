import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvironmentError } from '../base/errors.ts';
import { lastLines, runCommand } from './command.ts';
import type { Host } from './host.ts';
import { simulateRemedy } from './remedies.ts';

/** Programs and files that provisioning needs but does not install. */
export interface Toolchain {
  readonly python: PythonTool;
  readonly compiler: CompilerTool;
  /** Folder that holds `node_api.h`. */
  readonly headerFolder: string;
}

export interface PythonTool {
  readonly path: string;
  readonly version: string;
  readonly pipVersion: string;
}

export interface CompilerTool {
  readonly path: string;
  readonly version: string;
}

/** The first version of pip that knows the platform tags of the pinned wheels and accepts several of them. */
const oldestPip = [20, 3] as const;

/**
 * Finds all tools, before anything is downloaded. Throws `EnvironmentError` about the first that is missing.
 */
export async function findToolchain(host: Host): Promise<Toolchain> {
  return {
    python: await findPython(host),
    compiler: await findCompiler(host),
    headerFolder: await findHeaders(host),
  };
}

export async function findPython(host: Host): Promise<PythonTool> {
  const path = 'python3';
  const version = await runCommand(path, ['--version'], { env: host.env });
  if (version.kind === 'missing') {
    throw new EnvironmentError(
      'Python 3 is not installed: its package client fetches the TensorFlow library',
      `install python3 with pip (Debian and Ubuntu: apt install python3-pip), ${simulateRemedy}`,
    );
  }
  const pip = await runCommand(path, ['-m', 'pip', '--version'], { env: host.env });
  const pipVersion = pip.kind === 'exited' ? /^pip (\d+)\.(\d+)\S*/.exec(pip.stdout) : null;
  if (pipVersion === null) {
    throw new EnvironmentError(
      'Python is here, its package client pip is not',
      `install pip (Debian and Ubuntu: apt install python3-pip; elsewhere: python3 -m ensurepip), ${simulateRemedy}`,
    );
  }
  const [text, major, minor] = pipVersion;
  if (Number(major) < oldestPip[0] || (Number(major) === oldestPip[0] && Number(minor) < oldestPip[1])) {
    throw new EnvironmentError(
      `${text} is too old, ${oldestPip.join('.')} or later is needed`,
      `run "python3 -m pip install --upgrade pip", ${simulateRemedy}`,
    );
  }
  const versionText = version.stdout.trim() || version.stderr.trim();
  return { path, version: versionText.replace('Python ', ''), pipVersion: text.replace('pip ', '') };
}

export async function findCompiler(host: Host): Promise<CompilerTool> {
  const chosen = host.env['CXX'];
  const candidates = chosen === undefined || chosen === '' ? ['c++', 'g++', 'clang++'] : [chosen];
  for (const path of candidates) {
    const result = await runCommand(path, ['--version'], { env: host.env });
    if (result.kind === 'exited' && result.exitCode === 0) {
      return { path, version: result.stdout.split('\n')[0]?.trim() ?? '' };
    }
  }
  throw new EnvironmentError(
    `no C++ compiler (${candidates.join(', ')}): the binding between Node and TensorFlow is built on this machine`,
    `install one (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++), ${simulateRemedy}`,
  );
}

export async function findHeaders(host: Host): Promise<string> {
  for (const folder of host.headerFolders) {
    const isThere = await access(join(folder, 'node_api.h')).then(
      () => true,
      () => false,
    );
    if (isThere) return folder;
  }
  throw new EnvironmentError(
    `Node's headers are not installed (no node_api.h in ${host.headerFolders.join(' or ')})`,
    `install them (Debian and Ubuntu: apt install libnode-dev), ${simulateRemedy}`,
  );
}

/** Runs the compiler. Throws `EnvironmentError` with its first error line if it fails. */
export async function compile(host: Host, compiler: CompilerTool, args: readonly string[]): Promise<void> {
  const result = await runCommand(compiler.path, args, { env: host.env });
  if (result.kind === 'exited' && result.exitCode === 0) return;
  const output = result.kind === 'exited' ? result.stderr : 'it does not start';
  const firstError = output.split('\n').find((line) => line.includes('error')) ?? lastLines(output);
  throw new EnvironmentError(
    `the binding does not build with ${compiler.path} (${compiler.version}): ${firstError}`,
    `use a compiler for C++17 (g++ 8, clang 7 or later; CXX names one), ${simulateRemedy}`,
  );
}
