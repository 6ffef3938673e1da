import { constants, existsSync } from 'node:fs';
import { access, mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../base/errors.ts';
import type { Manifest } from '../metrics/results.ts';
import { explainDiskError } from './disk.ts';
import { FolderOwner, requireUnowned } from './folder-owner.ts';
import { type FolderIntent, inspectFolder } from './inspect-folder.ts';

export interface ClaimRequest {
  readonly dir: string;
  readonly intent: FolderIntent;
  /** Whether nobody named the folder: where it is taken, another name does as well. */
  readonly isDefault: boolean;
  /** The command line of this process, for those that find the folder in use. */
  readonly command: string;
}

/** A results folder that this process alone writes into, until it is released. */
export interface FolderClaim {
  readonly dir: string;
  readonly intent: FolderIntent;
  /** The manifest of the run to go on with, where there is one. */
  readonly earlier: Manifest | undefined;
  /** Throws an `EnvironmentError` where another process has taken over while this one stood still. */
  readonly requireHeld: () => Promise<void>;
  /** Lets others have the folder, and removes the folders that were made for it and hold nothing. */
  readonly release: () => Promise<void>;
}

/**
 * Makes this process the owner of a results folder. Throws an `InputError` where its content contradicts the intent or another
 * process owns it, and an `EnvironmentError` where it cannot be made; nothing is changed then.
 */
export async function claimFolder({ intent, command, ...asked }: ClaimRequest): Promise<FolderClaim> {
  if (!asked.isDefault) {
    await requireUnowned(asked.dir);
    await inspectFolder(asked.dir, intent);
  }
  const made = await explained(asked.dir, () => makeFolder(asked));
  const dir = asked.isDefault ? (made[0] ?? asked.dir) : asked.dir;
  const owner = await explained(dir, () => FolderOwner.take(dir, command));
  const release = async (): Promise<void> => {
    await owner.release();
    for (const folder of made) await rmdir(folder).catch(() => undefined);
  };
  try {
    // It may have changed before it was owned.
    const earlier = await inspectFolder(dir, intent);
    return { dir, intent, earlier, requireHeld: () => owner.requireHeld(), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Makes a folder, level by level: Node's recursive `mkdir` never returns where folders cannot be made at all, as below `/proc`. Returns what it made, innermost first. */
export async function makeFolders(path: string): Promise<readonly string[]> {
  if (existsSync(path)) return [];
  const above = await makeFolders(dirname(path));
  return (await isMade(path)) ? [path, ...above] : above;
}

async function makeFolder({
  dir,
  isDefault,
}: Pick<ClaimRequest, 'dir' | 'isDefault'>): Promise<readonly string[]> {
  // `mkdir` gives no reason where it cannot write.
  await access(nearestExisting(dir), constants.W_OK);
  if (!isDefault) return makeFolders(dir);
  const above = await makeFolders(dirname(dir));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? dir : `${dir}-${number}`;
    if (await isMade(name)) return [name, ...above];
  }
}

/** Makes one folder; returns false where it is there already. */
async function isMade(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

async function explained<T>(dir: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw explainDiskError(error, dir);
  }
}
