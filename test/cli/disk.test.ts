import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bench, repository } from '../e2e/bench.ts';
import { createWorkspace } from './workspace.ts';

const workspace = createWorkspace();
const bin = join(repository, 'harness/cli/bin.js');

/** A shell in which `mount` works and vanishes with it; not every machine allows that. */
const unshare = ['--user', '--map-root-user', '--mount', 'sh', '-ec'];
const canMount = spawnSync('unshare', [...unshare, 'mount -t tmpfs tmpfs /mnt']).status === 0;
if (!canMount) console.warn('skipped: full disk and read-only folder (this user may not mount file systems)');

/** Runs a script that may mount file systems on the folder `mounted`. */
function benchScript(script: string) {
  mkdirSync(workspace.path('mounted'), { recursive: true });
  return spawnSync('unshare', [...unshare, script], { encoding: 'utf8' });
}

/** Runs the tiny configuration on a file system of its own; afterwards prints the cells that are there. */
function benchOn(mountOptions: string, config: string) {
  const dir = workspace.path('mounted');
  return benchScript(`
    mount -t tmpfs -o ${mountOptions} tmpfs ${dir}
    code=0
    ${process.execPath} ${bin} --config ${config} --output-dir ${dir}/out --concurrency 1 || code=$?
    ls -A ${dir}/out/cells 2>/dev/null || true
    exit $code`);
}

describe('a disk in the way', { timeout: 60_000 }, () => {
  it.skipIf(!canMount)('full: says so, keeps the finished cells, exit code 1', () => {
    // Some of the forty cells fit.
    const config = workspace.config({ repeats: '40' });
    const result = benchOn('size=400k', config);
    expect(result.stderr).toMatch(/cannot write .*: .*no space left/);
    expect(result.stderr).toMatch(/^remedy: .*--resume/m);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.status).toBe(1);
    const cells = result.stdout.trim().split('\n');
    expect(cells.length).toBeGreaterThan(0);
    for (const cell of cells) expect(cell).toMatch(/^recompute-s\d+$/);
  });

  it.skipIf(!canMount)('full, then not: --resume ends what was begun', () => {
    const config = workspace.config({ name: 'room', repeats: '40' });
    const dir = workspace.path('mounted');
    const result = benchScript(`
      mount -t tmpfs -o size=400k tmpfs ${dir}
      ${process.execPath} ${bin} --config ${config} --output-dir ${dir}/out --concurrency 1 --quiet || echo "first $?"
      mount -o remount,size=40m ${dir}
      ${process.execPath} ${bin} --config ${config} --output-dir ${dir}/out --resume > ${dir}/table
      ls -A ${dir}/out ${dir}/out/cells | wc -l`);
    expect(result.status, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/^first 1\n/);
    expect(result.stderr).toMatch(/^\d+ of 40 cells were finished before/m);
    expect(result.stderr).not.toContain('DAMAGED');
  });

  it.skipIf(!canMount)('full when the report is written: no part of it is there, and the results are', () => {
    const dir = workspace.path('mounted');
    const config = workspace.config();
    const result = benchScript(`
      mount -t tmpfs -o size=800k tmpfs ${dir}
      ${process.execPath} ${bin} --config ${config} --output-dir ${dir}/out || echo "first $?"
      ls -A ${dir}/out
      ${process.execPath} ${bin} report ${dir}/out || echo "second $?"
      mount -o remount,size=40m ${dir}
      ${process.execPath} ${bin} report ${dir}/out`);
    expect(result.stderr).toMatch(/cannot write results to .*: there is no space left on the disk/);
    expect(result.stderr).toMatch(/^remedy: .*bench report/m);
    expect(result.stderr).not.toMatch(/^\s+at |mistake in servebench/m);
    const lines = result.stdout.trim().split('\n');
    expect(lines.slice(0, -1)).toEqual(['first 1', 'cells', 'manifest.json', 'summary.json', 'second 1']);
    expect(lines.at(-1)).toMatch(/report\.html \(.*charts\)/);
    expect(result.status).toBe(0);
  });

  it.skipIf(!canMount)('read-only: told before anything runs, exit code 1', () => {
    const result = benchOn('ro', workspace.config());
    expect(result.stderr).toMatch(/cannot write results to .*: the file system is read-only/);
    expect(result.stderr).not.toContain('requests in');
    expect(result.status).toBe(1);
  });

  it('a file in the place of a folder', async () => {
    const file = workspace.write('not-a-folder', 'text');
    const below = await bench(['--config', workspace.config(), '--output-dir', join(file, 'out')]);
    expect(below.stderr).toMatch(/a part of the path is a file/);
    expect(below.exitCode).toBe(1);
    const itself = await bench(['--config', workspace.config(), '--output-dir', file]);
    expect(itself.stderr).toMatch(/this is a file, and results go to a folder/);
    expect(itself.exitCode).toBe(2);
    expect(workspace.read('not-a-folder')).toBe('text');
  });
});
