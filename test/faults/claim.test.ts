import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EnvironmentError, InputError } from '../../harness/base/errors.ts';
import { writeChecksums } from '../../harness/metrics/checksums.ts';
import { claimFolder } from '../../harness/run/claim-folder.ts';
import { clearFolder } from '../../harness/run/clear-folder.ts';
import type { FolderIntent } from '../../harness/run/inspect-folder.ts';
import { folderOf } from '../reports/fixtures.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'servebench-claim-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const claim = (dir: string, intent: FolderIntent = 'fresh') =>
  claimFolder({ dir, intent, isDefault: false, command: 'bench' });

describe('claimFolder', () => {
  it('makes the folder, and removes what it made where nothing came of it', async () => {
    const dir = join(root, 'a', 'b');
    const { release, earlier } = await claim(dir);
    expect(earlier).toBeUndefined();
    expect(existsSync(dir)).toBe(true);
    await release();
    expect(readdirSync(root)).toEqual([]);
  });

  it('keeps a folder in which something stands, and an empty one that was there before', async () => {
    mkdirSync(join(root, 'empty'));
    await (await claim(join(root, 'empty'))).release();
    const { release } = await claim(join(root, 'used'));
    writeFileSync(join(root, 'used', 'manifest.json'), '{}');
    await release();
    expect(readdirSync(root)).toEqual(['empty', 'used']);
  });

  it('gives everybody who names no folder one of their own', async () => {
    const dir = join(root, 'results', 'burst-20260131-142500');
    const claims = await Promise.all(
      Array.from({ length: 4 }, () =>
        claimFolder({ dir, intent: 'fresh', isDefault: true, command: 'bench' }),
      ),
    );
    expect(claims.map((each) => each.dir).toSorted()).toEqual([dir, `${dir}-2`, `${dir}-3`, `${dir}-4`]);
    const later = await claimFolder({ dir, intent: 'fresh', isDefault: true, command: 'bench' });
    expect(later.dir).toBe(`${dir}-5`);
    for (const { release } of [...claims, later]) await release();
  });

  it.each([
    [
      'a dangling link',
      (path: string) => symlinkSync('nowhere', path),
      /is a link to nowhere, which is not there/,
    ],
    [
      'a link to itself',
      (path: string) => symlinkSync('out', path),
      /is a link to out, which leads back to itself/,
    ],
    ['a file', (path: string) => writeFileSync(path, 'text'), /this is a file, and results go to a folder/],
  ])('refuses %s, itself and above', async (_, make, message) => {
    make(join(root, 'out'));
    for (const intent of ['fresh', 'overwrite', 'resume'] as const) {
      await expect(claim(join(root, 'out'), intent)).rejects.toThrow(message);
      await expect(claim(join(root, 'out'), intent)).rejects.toBeInstanceOf(InputError);
    }
    const below = claim(join(root, 'out', 'below'));
    await expect(below).rejects.toThrow(/link to|a part of the path is a file/);
    await expect(below).rejects.toSatisfy(
      (error) => error instanceof InputError || error instanceof EnvironmentError,
    );
    expect(readdirSync(root)).toEqual(['out']);
  });

  it('explains a name that is too long', async () => {
    await expect(claim(join(root, 'x'.repeat(300)))).rejects.toThrow(/the name is too long/);
  });

  it('follows a link to a folder', async () => {
    mkdirSync(join(root, 'disk'));
    symlinkSync('disk', join(root, 'out'));
    const { release } = await claim(join(root, 'out'));
    await release();
    expect(readdirSync(root)).toEqual(['disk', 'out']);
  });

  it('takes what a run left that was killed at its very start for nothing', async () => {
    mkdirSync(join(root, 'cells'));
    mkdirSync(join(root, '.partial-probe'));
    for (const intent of ['fresh', 'overwrite', 'resume'] as const) {
      const { earlier, release } = await claim(root, intent);
      expect(earlier).toBeUndefined();
      await release();
    }
    mkdirSync(join(root, 'cells', 'recompute-s1'));
    await expect(claim(root)).rejects.toThrow(/exists and is not empty/);
  });

  it('changes nothing where it refuses', async () => {
    writeFileSync(join(root, 'thesis.txt'), '');
    for (const intent of ['fresh', 'overwrite', 'resume'] as const)
      await expect(claim(root, intent)).rejects.toThrow();
    await expect(claim(join(root, 'none'), 'resume')).rejects.toThrow(/not a results folder/);
    expect(readdirSync(root)).toEqual(['thesis.txt']);
  });
});

/** A results folder in which somebody keeps files of their own. */
async function usedFolder(): Promise<string> {
  const dir = await folderOf('three stacks, one seed');
  mkdirSync(join(dir, 'charts'));
  mkdirSync(join(dir, 'notes'));
  mkdirSync(join(dir, 'cells', 'mine'));
  for (const file of ['report.html', 'worker.log', 'charts/one.vl.json', '.partial-report.html'])
    writeFileSync(join(dir, file), 'of the run');
  for (const file of ['config.yaml', 'charts/mine.svg', 'notes/a.txt', 'cells/mine/b.txt', 'cells/c.txt'])
    writeFileSync(join(dir, file), 'mine');
  return dir;
}

describe('clearFolder', () => {
  it('has nothing to do in a folder that holds no results yet', async () => {
    await clearFolder(root);
    await clearFolder(join(root, 'not-there'));
    expect(readdirSync(root)).toEqual([]);
  });

  it('removes what bench wrote, and nothing else', async () => {
    const dir = await usedFolder();
    await clearFolder(dir);
    const left = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(dir.length + 1));
    expect(left.toSorted()).toEqual([
      'cells/c.txt',
      'cells/mine/b.txt',
      'charts/mine.svg',
      'config.yaml',
      'manifest.json',
      'notes/a.txt',
    ]);
    await clearFolder(dir);
    expect(readFileSync(join(dir, 'config.yaml'), 'utf8')).toBe('mine');
  });

  it('refuses, having removed nothing, where a cell holds something else', async () => {
    const dir = await folderOf('three stacks, one seed');
    writeFileSync(join(dir, 'cells', 'swap-s1', 'notes.txt'), 'mine');
    const before = readdirSync(dir, { recursive: true });
    await expect(clearFolder(dir)).rejects.toThrow(/swap-s1: holds what bench has not written.*notes\.txt/);
    await expect(clearFolder(dir)).rejects.toBeInstanceOf(InputError);
    expect(readdirSync(dir, { recursive: true })).toEqual(before);
  });

  it('removes a cell that has lost its list of files, and one of an earlier configuration', async () => {
    const dir = await folderOf('three stacks, one seed');
    rmSync(join(dir, 'cells', 'swap-s1', 'checksums.json'));
    mkdirSync(join(dir, 'cells', 'old-s1'));
    await writeChecksums(join(dir, 'cells', 'old-s1'));
    await clearFolder(dir);
    expect(existsSync(join(dir, 'cells'))).toBe(false);
  });
});
