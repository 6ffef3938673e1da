import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../harness/backend/host.ts';

/**
 * A machine made up of shell scripts: its Python "downloads" and "unpacks" a few bytes, its compiler writes a file,
 * its Node says that the binding computes. Tests break one part at a time.
 */
export interface FakeMachine {
  readonly root: string;
  readonly host: Host;
  /** What every fake program was called with, oldest first. */
  calls(): string[];
  /** Replaces what happens when pip is to download; `$dest` is the folder for the wheel. */
  onDownload(shell: string): void;
  /** Replaces a program by a shell script. */
  setProgram(name: string, shell: string): void;
  removeProgram(name: string): void;
  remove(): void;
}

export const goodDownload = 'mkdir -p "$dest" && echo wheel > "$dest/tensorflow_cpu.whl"';
export const goodCheck = `echo '{"tensorflowVersion":"2.21.0","usesGpu":false,"isCorrect":true,"gflopsPerSecond":1}'`;

export function createMachine(): FakeMachine {
  const root = mkdtempSync(join(tmpdir(), 'servebench-machine-'));
  for (const folder of ['bin', 'package/binding', 'include'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'package/package.json'), '{"version":"4.22.0"}');
  writeFileSync(join(root, 'include/node_api.h'), '');
  const setProgram = (name: string, shell: string): void => {
    const path = join(root, 'bin', name);
    writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\necho "${name} $*" >> '${root}/calls'\n${shell}\n`);
    chmodSync(path, 0o755);
  };
  const onDownload = (shell: string): void => setProgram('python3', pythonScript(shell));
  onDownload(goodDownload);
  setProgram('c++', compilerScript);
  setProgram('node', goodCheck);
  return {
    root,
    host: hostOf(root),
    calls: () => {
      const log = join(root, 'calls');
      return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
    },
    onDownload,
    setProgram,
    removeProgram: (name) => rmSync(join(root, 'bin', name)),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** The host of the machine in a folder; also for a child process, which gets the folder as an argument. */
export function hostOf(root: string): Host {
  return {
    platform: 'linux',
    arch: 'x64',
    glibcVersion: '2.36',
    nodeVersion: '20.20.2',
    nodePath: join(root, 'bin', 'node'),
    env: { PATH: join(root, 'bin') },
    cacheFolder: join(root, 'cache'),
    packageFolder: join(root, 'package'),
    headerFolders: [join(root, 'include')],
    freeBytes: async () => 100e9,
  };
}

function pythonScript(download: string): string {
  return `
case "$1" in
  --version) echo "Python 3.11.7" ;;
  -m)
    if [ "$3" = --version ]; then echo "pip 23.2.1 from /usr (python 3.11)"; exit 0; fi
    while [ $# -gt 0 ]; do
      if [ "$1" = --dest ]; then dest="$2"; fi
      shift
    done
    ${download}
    ;;
  *)
    mkdir -p "$3/tensorflow/include"
    echo library > "$3/tensorflow/libtensorflow_cc.so.2"
    echo framework > "$3/tensorflow/libtensorflow_framework.so.2"
    ;;
esac`;
}

const compilerScript = `
if [ "$1" = --version ]; then echo "fake c++ 12"; exit 0; fi
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then echo binary > "$2"; fi
  shift
done`;
