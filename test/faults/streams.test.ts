import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createWorkspace } from '../cli/workspace.ts';
import { readResults } from '../e2e/bench.ts';
import { bin } from './start-bench.ts';

const workspace = createWorkspace();

/** Runs the tiny configuration as a part of a shell's line; `BENCH` stands for the command. */
function runIn(name: string, line: string) {
  const out = workspace.path(name);
  const command = `'${process.execPath}' '${bin}' --config '${workspace.config()}' --output-dir '${out}'`;
  const { status, stderr } = spawnSync('bash', ['-c', line.replace('BENCH', command)], { encoding: 'utf8' });
  return { out, status, stderr };
}

describe.skipIf(!existsSync('/dev/full'))('a run goes on', { timeout: 90_000 }, () => {
  it.each([
    ['standard input closed', 'BENCH <&-', 0],
    ['standard output closed', 'BENCH >&-', 0],
    ['standard error closed', 'BENCH 2>&-', 0],
    ['all three closed', 'BENCH <&- >&- 2>&-', 0],
    ['a full device for standard error', 'BENCH 2>/dev/full', 0],
    ['a reader of standard error that has left', 'BENCH 2> >(exec true)', 0],
    ['a reader of standard output that has left', 'BENCH > >(exec true)', 0],
    ['a full device for standard output', 'BENCH >/dev/full', 1],
  ])('with %s', (name, line, exitCode) => {
    const { out, status, stderr } = runIn(name.replaceAll(' ', '-'), line);
    expect(status, stderr).toBe(exitCode);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
    expect(readResults(out).manifest.cells.map((cell) => cell.status)).toEqual(['done']);
    expect(stderr).not.toMatch(/^\s+at |mistake in servebench/m);
    if (exitCode === 1)
      expect(stderr).toMatch(/^error: cannot write to standard output: ENOSPC.*\nremedy: /m);
  });

  it('but for files that may not become large enough: it says so, and --resume ends it', () => {
    const limited = runIn('limited', 'ulimit -f 8; BENCH');
    expect(limited.status).toBe(1);
    expect(limited.stderr).toMatch(/^error: cannot write .*(EFBIG|file too large)/m);
    expect(limited.stderr).toMatch(/^remedy: /m);
    expect(limited.stderr).not.toMatch(/^\s+at |mistake in servebench/m);
    expect(runIn('limited', 'BENCH --resume').status).toBe(0);
  });
});

it('default folders of runs that start in the same second are different', { timeout: 90_000 }, () => {
  const cwd = workspace.path('parallel');
  mkdirSync(cwd);
  const command = `'${process.execPath}' '${bin}' --config '${workspace.config()}' --quiet`;
  const line = `${command} & ${command} & ${command} & wait`;
  const { stdout, stderr } = spawnSync('bash', ['-c', line], { cwd, encoding: 'utf8' });
  expect(stderr).toBe('');
  const folders = [...stdout.matchAll(/report: (results\/tiny-\S+)\/report\.html/g)].map(
    ([, folder]) => folder,
  );
  expect(new Set(folders).size).toBe(3);
});
