import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { wallClockUs } from '../base/clock.ts';
import { EnvironmentError, errorCode, messageOf } from '../base/errors.ts';
import { isProcessAlive } from '../base/process-record.ts';
import { usPerMs } from '../base/units.ts';

interface LockOwner {
  readonly host: string;
  readonly pid: number;
}

export interface LockTiming {
  readonly pollMs: number;
  /** Interval in milliseconds at which the holder touches the lock. */
  readonly beatMs: number;
  /** Milliseconds after which a lock that has not been touched counts as abandoned. */
  readonly maxSilenceMs: number;
}

export const defaultLockTiming: LockTiming = { pollMs: 300, beatMs: 2_000, maxSilenceMs: 30_000 };

export interface LockOptions {
  readonly timing: LockTiming;
  /** Called at every poll while another process holds the lock. */
  onWait(owner: string): void;
}

/**
 * Runs an action while holding a lock file. The lock only avoids duplicate work: two processes that take over
 * an abandoned lock at the same moment both run, so the action must publish its result by a single rename.
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

/**
 * Measures how long a file has kept its modification time, with our own clock, because the clocks of two
 * machines may differ.
 */
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

/**
 * Returns undefined if the lock has just disappeared. A lock without content is being written, or its writer
 * died.
 */
async function readOwner(path: string): Promise<LockOwner | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new EnvironmentError(
      `the lock file ${path} cannot be read (${errorCode(error) ?? messageOf(error)})`,
      'if nobody is setting TensorFlow up, remove it and try again',
      { cause: error },
    );
  }
  try {
    const owner: LockOwner = JSON.parse(text);
    return owner;
  } catch {
    return { host: 'an unknown host', pid: 0 };
  }
}

/** Rewrites the same content, which updates the modification time. */
async function touch(path: string, content: string): Promise<void> {
  // The lock may have been taken over while this process was suspended; publishing by a single rename makes
  // that harmless.
  await writeFile(path, content, { flag: 'r+' }).catch(() => undefined);
}
