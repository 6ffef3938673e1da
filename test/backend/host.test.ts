import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { currentHost } from '../../harness/backend/host.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the cache folder', () => {
  it.each([
    [{ SERVEBENCH_CACHE_DIR: '/big/cache' }, '/big/cache'],
    [{ SERVEBENCH_CACHE_DIR: 'cache' }, resolve('cache')],
    [{ SERVEBENCH_CACHE_DIR: '', XDG_CACHE_HOME: '/xdg' }, '/xdg/servebench'],
    [{ SERVEBENCH_CACHE_DIR: '', XDG_CACHE_HOME: 'xdg' }, join(homedir(), '.cache/servebench')],
  ])('of %j leads there from anywhere', (env, folder) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(currentHost().cacheFolder).toBe(folder);
  });
});
