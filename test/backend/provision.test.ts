import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EnvironmentError } from '../../harness/base/errors.ts';
import type { Host } from '../../harness/backend/host.ts';
import type { SetupProgress } from '../../harness/backend/progress.ts';
import { ensureBackend, libraryFolderOf } from '../../harness/backend/provision.ts';
import { createMachine, goodCheck, goodDownload, type FakeMachine } from './fake-machine.ts';

let machine: FakeMachine;
beforeEach(() => {
  machine = createMachine();
});
afterEach(() => machine.remove());

const ensure = (host: Host = machine.host) => ensureBackend({ device: 'cpu' }, host);
const libraryFolder = () => libraryFolderOf(machine.host, 'cpu');
const bindingLink = () => join(machine.host.packageFolder, 'lib/napi-v8');
const numDownloads = () => machine.calls().filter((call) => call.includes('pip download')).length;

function editRecord(edit: (text: string) => string): void {
  const path = join(libraryFolder(), 'complete.json');
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
}

/** What is in the cache besides whole libraries. */
function leftovers(): string[] {
  return existsSync(machine.host.cacheFolder)
    ? readdirSync(machine.host.cacheFolder).filter((name) => name !== 'tensorflow-2.21.0-cpu-x64')
    : [];
}

async function failure(host: Host = machine.host): Promise<EnvironmentError> {
  const error: unknown = await ensure(host).catch((thrown: unknown) => thrown);
  if (!(error instanceof EnvironmentError))
    throw new Error('an EnvironmentError was expected', { cause: error });
  return error;
}

describe('ensureBackend', () => {
  it('makes the library, links the binding and reports every phase', async () => {
    const seen: SetupProgress[] = [];
    const onProgress = (progress: SetupProgress) => void seen.push(progress);
    const installation = await ensureBackend({ device: 'auto', onProgress }, machine.host);

    expect(installation).toMatchObject({
      source: 'cache',
      device: 'cpu',
      tensorflowVersion: '2.21.0',
      isNew: true,
    });
    expect(readlinkSync(bindingLink())).toBe(join(libraryFolder(), 'binding'));
    expect(readdirSync(join(libraryFolder(), 'tensorflow'))).toEqual([
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
    ]);
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual([
      'inspect',
      'download',
      'unpack',
      'build',
      'verify',
      'install',
    ]);
    expect(leftovers()).toEqual([]);
  });

  it('gives pip the pinned hash, wheels only, and room for half-made files that is cleaned up', async () => {
    machine.onDownload(`cat "$TMPDIR/requirements.txt" > '${machine.root}/requirements' && ${goodDownload}`);
    await ensure();
    const call = machine.calls().find((text) => text.includes('pip download'));
    expect(call).toContain('--require-hashes');
    expect(call).toContain('--only-binary=:all:');
    const requirements = readFileSync(join(machine.root, 'requirements'), 'utf8');
    expect(requirements).toMatch(/^tensorflow-cpu==2\.21\.0 --hash=sha256:[0-9a-f]{64}\n$/);
  });

  it('does nothing the second time', async () => {
    await ensure();
    const numCalls = machine.calls().length;
    expect(await ensure()).toMatchObject({ isNew: false });
    expect(machine.calls().slice(numCalls)).toEqual([]);
  });

  it('makes the library once when it runs twice at once, and the second says that it waits', async () => {
    machine.onDownload(`sleep 0.4; ${goodDownload}`);
    const seen: string[] = [];
    const onProgress = ({ phase }: SetupProgress) => void seen.push(phase);
    const both = await Promise.all([
      ensureBackend({ device: 'cpu', onProgress }, machine.host),
      ensureBackend({ device: 'cpu', onProgress }, machine.host),
    ]);
    expect(both.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(numDownloads()).toBe(1);
    expect(seen).toContain('wait');
    expect(leftovers()).toEqual([]);
  });

  const hang = 'touch "$(dirname "$0")/../hanging"; sleep 30';
  it.each([
    ['the download', () => machine.onDownload(`mkdir -p "$dest"; echo half > "$dest/half.whl"; ${hang}`)],
    ['the build', () => machine.setProgram('c++', `[ "$1" = --version ] && exit 0; ${hang}`)],
    ['the check', () => machine.setProgram('node', hang)],
  ])('starts over after a process was killed in %s, and cleans up after it', async (_, makeHang) => {
    const whole = createMachine();
    makeHang();
    const script = fileURLToPath(new URL('ensure-child.ts', import.meta.url));
    const args = ['--import', 'tsx', script, machine.root];
    const child = spawn(process.execPath, args, { detached: true, stdio: 'ignore' });
    while (!existsSync(join(machine.root, 'hanging'))) await sleep(20);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await exited;
    expect(leftovers()).toEqual([expect.stringContaining('.lock'), expect.stringContaining('.partial-')]);

    const repaired = { ...machine.host, env: whole.host.env, nodePath: whole.host.nodePath };
    expect(await ensure(repaired)).toMatchObject({ isNew: true });
    expect(leftovers()).toEqual([]);
    whole.remove();
  });

  it.each([
    ['a folder without manifest', () => rmSync(join(libraryFolder(), 'complete.json'))],
    ['an unreadable manifest', () => writeFileSync(join(libraryFolder(), 'complete.json'), '{"files":')],
    ['a missing file', () => rmSync(join(libraryFolder(), 'tensorflow/libtensorflow_cc.so.2'))],
    ['a short file', () => truncateSync(join(libraryFolder(), 'tensorflow/libtensorflow_cc.so.2'), 3)],
  ])('does not take %s for a whole library', async (_, damage) => {
    await ensure();
    damage();
    expect(await ensure()).toMatchObject({ isNew: true });
    expect(await ensure()).toMatchObject({ isNew: false });
  });

  const library = 'tensorflow/libtensorflow_cc.so.2';
  /** A Node in which the library crashes unless it has its own bytes. */
  const crashing = `case "$(cat "$(dirname "$2")/../${library}")" in library) ${goodCheck} ;; *) kill -SEGV $$ ;; esac`;

  it.each([
    ['a flipped byte', () => writeFileSync(join(libraryFolder(), library), 'librarz\n')],
    ['a hole', () => writeFileSync(join(libraryFolder(), library), Buffer.alloc(8))],
    ['a wrong path in its record', () => editRecord((text) => text.replace('libtensorflow_cc', 'libother'))],
    [
      'a record without its files',
      () => editRecord((text) => text.replace(/"files": \{[^}]*\}/, '"files": {}')),
    ],
    [
      'a file in place of its folder',
      () => (rmSync(libraryFolder(), { recursive: true }), writeFileSync(libraryFolder(), '')),
    ],
    [
      'a folder in place of the library',
      () => (rmSync(join(libraryFolder(), library)), mkdirSync(join(libraryFolder(), library))),
    ],
  ])('mends a library with %s, and then leaves it alone', async (_, damage) => {
    machine.setProgram('node', crashing);
    await ensure();
    damage();
    expect(await ensure()).toMatchObject({ isNew: true });
    expect(readFileSync(join(libraryFolder(), library), 'utf8')).toBe('library\n');
    const numCalls = machine.calls().length;
    expect(await ensure()).toMatchObject({ isNew: false });
    expect(machine.calls().slice(numCalls)).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it('runs a library whose files were touched once more, and keeps it', async () => {
    await ensure();
    writeFileSync(join(libraryFolder(), library), 'library\n');
    const numCalls = machine.calls().length;
    expect(await ensure()).toMatchObject({ isNew: false });
    expect(machine.calls()).toHaveLength(numCalls + 1);
    expect(await ensure()).toMatchObject({ isNew: false });
    expect(machine.calls()).toHaveLength(numCalls + 1);
  });

  it('runs a library that nobody has touched when it is asked to, and mends it', async () => {
    await ensure();
    // A disk has lost a sector: only a library that is made anew computes.
    const mended = join(machine.root, 'mended');
    machine.setProgram(
      'node',
      `case "$2" in *partial*) touch '${mended}' ;; esac; [ -e '${mended}' ] || kill -SEGV $$; ${goodCheck}`,
    );
    expect(await ensure()).toMatchObject({ isNew: false });
    const seen: string[] = [];
    const onProgress = ({ text }: SetupProgress) => void seen.push(text);
    const checked = await ensureBackend({ device: 'cpu', isChecked: true, onProgress }, machine.host);
    expect(checked).toMatchObject({ isNew: true });
    expect(seen[0]).toMatch(/does not compute any more, it is set up again: it crashed with SIGSEGV/);
  });

  it('makes another library when tfjs-node-gpu changes', async () => {
    await ensure();
    writeFileSync(join(machine.host.packageFolder, 'package.json'), '{"version":"4.23.0"}');
    expect(await ensure()).toMatchObject({ isNew: true });
  });

  it("uses the library of tfjs-node-gpu's own script when it computes", async () => {
    mkdirSync(bindingLink(), { recursive: true });
    machine.setProgram('node', goodCheck.replace('2.21.0', '2.9.1'));
    expect(await ensure()).toMatchObject({ source: 'package', tensorflowVersion: '2.9.1', isNew: false });
    expect(numDownloads()).toBe(0);
  });

  it("replaces the library of tfjs-node-gpu's own script when it does not load", async () => {
    mkdirSync(bindingLink(), { recursive: true });
    machine.setProgram(
      'node',
      `case "$2" in *napi-v8*) echo "Error: no CUDA" >&2; exit 1 ;; esac; ${goodCheck}`,
    );
    expect(await ensure()).toMatchObject({ source: 'cache' });
    expect(readlinkSync(bindingLink())).toBe(join(libraryFolder(), 'binding'));
  });

  it('takes the CUDA library where the driver shows a GPU', async () => {
    machine.setProgram('nvidia-smi', 'echo "NVIDIA H200, 570.86.15, 143771"');
    expect(await ensureBackend({ device: 'auto' }, machine.host)).toMatchObject({ device: 'cuda' });
    expect(numDownloads()).toBe(13);
  });
});

describe('what the machine lacks', () => {
  it.each([
    ['no Python', () => machine.removeProgram('python3'), /Python 3 is not installed/, /python3-pip/],
    [
      'no pip',
      () => machine.setProgram('python3', '[ "$1" = --version ] || exit 1; echo Python 3.11'),
      /pip is not/,
      /python3-pip/,
    ],
    [
      'an old pip',
      () => machine.setProgram('python3', 'echo "pip 9.0.1 from /usr (python 3.6)"'),
      /pip 9\.0\.1 is too old/,
      /--upgrade pip/,
    ],
    ['no compiler', () => machine.removeProgram('c++'), /no C\+\+ compiler/, /apt install g\+\+/],
    ['no headers', () => rmSync(join(machine.root, 'include/node_api.h')), /node_api\.h/, /libnode-dev/],
  ])('%s: found before anything is downloaded', async (_, breakIt, message, remedy) => {
    breakIt();
    const error = await failure();
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(remedy);
    expect(error.remedy).toContain('--mode simulate');
    expect(numDownloads()).toBe(0);
    expect(leftovers()).toEqual([]);
  });

  it.each([
    [
      'no network',
      "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError(Temporary failure in name resolution)'\nERROR: Could not find a version that satisfies the requirement tensorflow-cpu==2.21.0 (from versions: none)",
      /no network: pip cannot reach/,
      /HTTPS_PROXY/,
    ],
    [
      'a wrong hash',
      'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.',
      /wrong checksum/,
      /pip cache purge/,
    ],
    [
      'a full disk',
      'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device',
      /no disk space/,
      /SERVEBENCH_CACHE_DIR/,
    ],
    [
      'an index without the wheel',
      'ERROR: No matching distribution found for tensorflow-cpu==2.21.0',
      /does not have tensorflow-cpu==2\.21\.0/,
      /pip config list/,
    ],
    ['anything else', 'ERROR: the moon is in the way', /the moon is in the way/, /bench setup/],
  ])('%s while downloading', async (_, stderr, message, remedy) => {
    machine.onDownload(`cat >&2 <<'END'\n${stderr}\nEND\nexit 1`);
    const error = await failure();
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(remedy);
    expect(error.remedy).toContain('--mode simulate');
    expect(leftovers()).toEqual([]);
    expect(existsSync(libraryFolder())).toBe(false);
  });

  it('too little disk space is found before the download', async () => {
    const error = await failure({ ...machine.host, freeBytes: async () => 1e9 });
    expect(error.message).toMatch(/953\.7 MiB are free, about 1\.6 GiB are needed/);
    expect(error.remedy).toContain('SERVEBENCH_CACHE_DIR');
    expect(numDownloads()).toBe(0);
  });

  it.each([
    [{ nodeVersion: '24.1.0' }, /Node 24\.1\.0/, /Node 20 or 22/],
    [{ platform: 'darwin', arch: 'arm64' }, /not on darwin arm64/, /Linux/],
    [{ glibcVersion: undefined }, /another C library/, /glibc/],
    [{ glibcVersion: '2.17' }, /glibc 2\.17/, /newer/],
  ] as const)('an unsupported machine: %j', async (change, message, remedy) => {
    const error = await failure({ ...machine.host, ...change });
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(remedy);
    expect(error.remedy).toContain('--mode simulate');
  });

  it('a cache folder that cannot be made', async () => {
    writeFileSync(join(machine.root, 'file'), '');
    const error = await failure({ ...machine.host, cacheFolder: join(machine.root, 'file', 'cache') });
    expect(error.message).toMatch(/cannot write to .*file\/cache/);
    expect(error.remedy).toContain('SERVEBENCH_CACHE_DIR');
  });

  it('a package folder that cannot be written to', async () => {
    writeFileSync(join(machine.host.packageFolder, 'lib'), 'a file where a folder should be');
    const error = await failure();
    expect(error.message).toMatch(/cannot write to .*package/);
    expect(error.remedy).toContain('--mode simulate');
  });

  it('a compiler that refuses the sources shows its first error', async () => {
    machine.setProgram(
      'c++',
      '[ "$1" = --version ] && echo "old c++ 4" && exit; echo "x.cc:1: error: no C++17" >&2; exit 1',
    );
    const error = await failure();
    expect(error.message).toMatch(/does not build with c\+\+ \(old c\+\+ 4\): x\.cc:1: error: no C\+\+17/);
    expect(error.remedy).toContain('CXX');
    expect(leftovers()).toEqual([]);
  });

  it.each([
    ['kill -ILL $$', /crashed with SIGILL \(the processor lacks instructions/],
    ['echo "Error: GLIBCXX_3.4.30 not found" >&2; exit 1', /does not compute here: Error: GLIBCXX_3\.4\.30/],
    [goodCheck.replace('"isCorrect":true', '"isCorrect":false'), /a matrix product came out wrong/],
  ])('a library that does not compute is not kept: %s', async (shell, message) => {
    machine.setProgram('node', shell);
    const error = await failure();
    expect(error.message).toMatch(message);
    expect(existsSync(libraryFolder())).toBe(false);
    expect(leftovers()).toEqual([]);
  });
});
