import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from '../../harness/backend/lock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'servebench-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const timing = { pollMs: 5, beatMs: 10, maxSilenceMs: 80 };

/** Runs an empty action under the lock and returns whom it waited for. */
async function waitedFor(): Promise<string[]> {
  const owners: string[] = [];
  await withLock(path, { timing, onWait: (owner) => owners.push(owner) }, async () => undefined);
  return owners;
}

it('is released when the action fails', async () => {
  const failing = withLock(path, { timing, onWait: () => undefined }, async () => {
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});

it('runs actions one after the other, however long one takes', async () => {
  let numInside = 0;
  let mostInside = 0;
  const action = async (): Promise<void> => {
    numInside += 1;
    mostInside = Math.max(mostInside, numInside);
    await sleep(timing.maxSilenceMs * 1.5);
    numInside -= 1;
  };
  const runs = [1, 2, 3].map(() => withLock(path, { timing, onWait: () => undefined }, action));
  await Promise.all(runs);
  expect(mostInside).toBe(1);
});

it('takes over at once from a dead process of this machine', async () => {
  const { pid } = spawnSync('/bin/true');
  writeFileSync(path, JSON.stringify({ host: hostname(), pid }));
  expect(await waitedFor()).toEqual([]);
});

it('takes over from another machine only after its silence', async () => {
  writeFileSync(path, JSON.stringify({ host: 'elsewhere', pid: 7 }));
  const owners = await waitedFor();
  expect(new Set(owners)).toEqual(new Set(['process 7 on elsewhere']));
});

it('tells of a lock file that cannot be read', async () => {
  mkdirSync(path);
  const waiting = waitedFor();
  await expect(waiting).rejects.toThrow(/the lock file .*lock cannot be read \(EISDIR\)/);
  await expect(waiting).rejects.toMatchObject({ remedy: expect.stringContaining('remove it') });
});

it('takes over a lock whose owner died before writing its name', async () => {
  writeFileSync(path, '');
  await waitedFor();
  expect(existsSync(path)).toBe(false);
});
