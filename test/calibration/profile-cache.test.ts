import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProfileCache } from '../../harness/calibration/profile-cache.ts';
import { profileWith } from './profiles.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'servebench-profiles-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const profile = profileWith({ layer: 200 }, 1);

test('a profile is found again by what it is of, and by nothing else', async () => {
  const cache = new ProfileCache(dir);
  expect(await cache.find(profile)).toBeUndefined();
  await cache.keep(profile);
  expect(await cache.find(profile)).toEqual(profile);
  for (const other of [
    { ...profile, device: 'another' },
    { ...profile, threads: 2 },
    { ...profile, tensorflow: '2.22.0' },
    { ...profile, blockSizeTokens: 8 },
    { ...profile, model: { ...profile.model, numLayers: 5 } },
  ]) {
    expect(await cache.find(other)).toBeUndefined();
  }
});

test('a damaged profile is as good as none, and is replaced', async () => {
  const cache = new ProfileCache(dir);
  await cache.keep(profile);
  const [file = ''] = readdirSync(join(dir, 'profiles'));
  writeFileSync(join(dir, 'profiles', file), '{"costsUs":');
  expect(await cache.find(profile)).toBeUndefined();
  await cache.keep(profile);
  expect(await cache.find(profile)).toEqual(profile);
});

test('a file in place of the folder of profiles is told of', async () => {
  writeFileSync(join(dir, 'profiles'), '');
  const cache = new ProfileCache(dir);
  expect(await cache.find(profile)).toBeUndefined();
  await expect(cache.keep(profile)).rejects.toThrow(/cannot write to .*profiles \((EEXIST|ENOTDIR)\)/);
});
