import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { wallClockUs } from '../base/clock.ts';
import { usPerMs } from '../base/units.ts';
import { errorCode } from './remedies.ts';

interface LockOwner {
  readonly host: string;
  readonly pid: number;
}

export interface LockTiming {
  readonly pollMs: number;
  /** How often the holder touches the lock. */
  readonly beatMs: number;
  /** A lock that was not touched for so long belongs to nobody. */
  readonly maxSilenceMs: number;
}

export const defaultLockTiming: LockTiming = { pollMs: 300, beatMs: 2_000, maxSilenceMs: 30_000 };

export interface LockOptions {
  readonly timing: LockTiming;
  /** Called while another process holds the lock, at every look. */
  onWait(owner: string): void;
}

/**
 * Runs an action while holding a lock file. The lock saves double work, no more: two processes that take over a
 * dead lock at the same moment both run, so the action must publish its result by one rename.
 */
export async function withLock<T>(path: string, options: LockOptions, action: () => Promise<T>): Promise<T> {
  const content = JSON.stringify({ host: hostname(), pid: process.pid } satisfies LockOwner);
  const silence = new SilenceWatch();
  while (!(await tryCreate(path, content))) {
    const owner = await readOwner(path);
    if (owner === undefined) continue;
    const isDead = owner.host === hostname() && !isProcessAlive(owner.pid);
    if (isDead || (await silence.lastedMs(path)) > options.timing.maxSilenceMs) {
      await rm(path, { force: true });
      continue;
    }
    options.onWait(`process ${owner.pid} on ${owner.host}`);
    await sleep(options.timing.pollMs);
  }
  const beat = setInterval(() => void touch(path, content), options.timing.beatMs);
  try {
    return await action();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** How long a file has kept its modification time, by our own clock: clocks of two machines may differ. */
class SilenceWatch {
  #mtimeMs = Number.NaN;
  #sinceUs = 0;

  async lastedMs(path: string): Promise<number> {
    const mtimeMs = await stat(path).then(
      (stats) => stats.mtimeMs,
      () => Number.NaN,
    );
    if (mtimeMs !== this.#mtimeMs) {
      this.#mtimeMs = mtimeMs;
      this.#sinceUs = wallClockUs();
    }
    return (wallClockUs() - this.#sinceUs) / usPerMs;
  }
}

async function tryCreate(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** `undefined` when the lock has just gone. A lock without content is being written, or its writer died. */
async function readOwner(path: string): Promise<LockOwner | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const owner: LockOwner = JSON.parse(text);
    return owner;
  } catch {
    return { host: 'an unknown host', pid: 0 };
  }
}

/** Writes the same content again, which moves the modification time. */
async function touch(path: string, content: string): Promise<void> {
  // The lock may have been taken over while this process was suspended; publishing by one rename covers that.
  await writeFile(path, content, { flag: 'r+' }).catch(() => undefined);
}
