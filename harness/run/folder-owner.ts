import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { isoNow, wallClockUs } from '../base/clock.ts';
import { EnvironmentError, errorCode, InputError } from '../base/errors.ts';
import { ownProcess, stateOf } from '../base/process-record.ts';
import { usPerMs } from '../base/units.ts';

/** The file that says who writes into a results folder. */
export const ownerFile = '.owner.json';

const ownerSchema = z.strictObject({
  host: z.string(),
  pid: z.int(),
  scope: z.string(),
  startedAt: z.string(),
  since: z.string(),
  command: z.string(),
});

/** Who writes into a results folder, since when, and with which command. */
type Owner = z.infer<typeof ownerSchema>;

export interface OwnerTiming {
  /** Interval in milliseconds at which an owner touches its file. */
  readonly beatMs: number;
  /** Milliseconds without a touch after which an owner about which nothing else can be learned counts as gone. */
  readonly maxSilenceMs: number;
}

const defaultTiming: OwnerTiming = { beatMs: 2_000, maxSilenceMs: 10_000 };

/**
 * The one process that writes into a results folder. An owner that is gone is replaced: one of this machine is looked for, one
 * of another machine or container is known by the touches of its file.
 */
export class FolderOwner {
  readonly #file: string;
  readonly #owner: Owner;
  readonly #beat: NodeJS.Timeout;

  private constructor(file: string, owner: Owner, { beatMs }: OwnerTiming) {
    this.#file = file;
    this.#owner = owner;
    this.#beat = setInterval(() => void touch(file), beatMs);
    this.#beat.unref();
  }

  /** Throws an `InputError` where another process owns the folder, and the file system's errors. */
  static async take(dir: string, command: string, timing: OwnerTiming = defaultTiming): Promise<FolderOwner> {
    const file = join(dir, ownerFile);
    const owner: Owner = { ...ownProcess(), since: isoNow(), command };
    while (!(await isCreated(file, owner))) await removeAbandoned(dir, timing);
    return new FolderOwner(file, owner, timing);
  }

  /** Throws an `EnvironmentError` where another process has taken over while this one stood still. */
  async requireHeld(): Promise<void> {
    const current = await readOwner(this.#file);
    if (isDeepStrictEqual(current, this.#owner)) return;
    const whose = typeof current === 'object' ? describe(current) : 'nobody';
    throw new EnvironmentError(
      `the results folder belongs to ${whose} now: ${this.#file} was changed while this run stood still`,
      'let that run end, or choose another --output-dir',
    );
  }

  /** Lets others have the folder. Calling it again does no harm. */
  async release(): Promise<void> {
    clearInterval(this.#beat);
    if (isDeepStrictEqual(await readOwner(this.#file), this.#owner)) await rm(this.#file, { force: true });
  }
}

/** Throws an `InputError` where a process that has not gone owns the folder. Changes nothing. A folder that cannot be read has no owner. */
export async function requireUnowned(dir: string, timing: OwnerTiming = defaultTiming): Promise<void> {
  const owner = await readOwner(join(dir, ownerFile)).catch((error: unknown) => {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  });
  if (owner !== undefined && !(await isAbandoned(dir, owner, timing))) throw inUse(dir, owner);
}

async function removeAbandoned(dir: string, timing: OwnerTiming): Promise<void> {
  const file = join(dir, ownerFile);
  const owner = await readOwner(file);
  if (owner === undefined) return;
  if (!(await isAbandoned(dir, owner, timing))) throw inUse(dir, owner);
  // Whoever renames it has it: two that have found the same owner gone must not remove each other's files.
  const doomed = `${file}.${process.pid}`;
  try {
    await rename(file, doomed);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const taken = await readOwner(doomed);
  if (!isDeepStrictEqual(taken, owner)) await link(doomed, file).catch(() => undefined);
  await rm(doomed, { force: true });
}

/** What stands in the file: `undefined` where there is none, `unreadable` where it is being written or its writer died. */
async function readOwner(file: string): Promise<Owner | 'unreadable' | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return 'unreadable';
  }
}

/** Waits to see whether the file is touched where nothing else tells. */
async function isAbandoned(
  dir: string,
  owner: Owner | 'unreadable',
  { maxSilenceMs }: OwnerTiming,
): Promise<boolean> {
  const state = owner === 'unreadable' ? 'elsewhere' : stateOf(owner);
  if (state !== 'elsewhere') return state === 'gone';
  const file = join(dir, ownerFile);
  const touchedAt = await modifiedAt(file);
  const startUs = wallClockUs();
  while ((wallClockUs() - startUs) / usPerMs < maxSilenceMs) {
    await sleep(Math.min(200, maxSilenceMs / 10));
    if ((await modifiedAt(file)) !== touchedAt) return false;
  }
  return true;
}

async function modifiedAt(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

/** Returns whether there was no such file. */
async function isCreated(file: string, owner: Owner): Promise<boolean> {
  try {
    await writeFile(file, `${JSON.stringify(owner)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // Made, but there was no room for its content.
    if (errorCode(error) === 'ENOSPC') await rm(file, { force: true });
    throw error;
  }
}

async function touch(file: string): Promise<void> {
  const now = Date.parse(isoNow()) / 1000;
  // It may have been taken over: what stands in it is not changed.
  await utimes(file, now, now).catch(() => undefined);
}

function describe({ pid, host, since, command }: Owner): string {
  return `process ${pid} on ${host} since ${since} (${command})`;
}

function inUse(dir: string, owner: Owner | 'unreadable'): InputError {
  const whose =
    owner === 'unreadable' ? `somebody whose name in ${ownerFile} cannot be read` : describe(owner);
  return new InputError({
    source: dir,
    path: '',
    message: `the results folder is in use by ${whose}`,
    hint: 'let that run end, or choose another --output-dir',
  });
}
