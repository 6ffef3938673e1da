import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileSystemError } from '../backend/remedies.ts';
import { writeWhole } from '../base/write-whole.ts';
import type { StageProfile } from '../domain/stage-profile.ts';
import { profileSchema } from '../domain/profile-schema.ts';

/** What a profile depends on; a change of any makes it another. */
export type ProfileKey = Pick<
  StageProfile,
  'model' | 'blockSizeTokens' | 'device' | 'tensorflow' | 'threads'
>;

/** The profiles that calibrations on this machine have left, one file each, in a folder of the user's cache. */
export class ProfileCache {
  readonly #folder: string;

  constructor(cacheFolder: string) {
    this.#folder = join(cacheFolder, 'profiles');
  }

  /** Returns the profile, or `undefined` where there is none that can be read. */
  async find(key: ProfileKey): Promise<StageProfile | undefined> {
    const text = await readFile(await this.#fileOf(key), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return profileSchema.parse(JSON.parse(text));
    } catch {
      // A damaged file is as good as none: the next calibration replaces it.
      return undefined;
    }
  }

  /** Throws an `EnvironmentError` with a remedy where the cache takes no file. */
  async keep(profile: StageProfile): Promise<void> {
    const file = await this.#fileOf(profile);
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeWhole(file, `${JSON.stringify(profile, undefined, 2)}\n`);
    } catch (error) {
      throw fileSystemError(error, this.#folder);
    }
  }

  async #fileOf({ model, blockSizeTokens, device, tensorflow, threads }: ProfileKey): Promise<string> {
    const key = { model, blockSizeTokens, device, tensorflow, threads, code: await codeHash() };
    return join(this.#folder, `${createHash('sha256').update(JSON.stringify(key)).digest('hex')}.json`);
  }
}

/** Folders of the code whose time is measured, and of the code that measures it. */
const codeFolders = ['../model', '../executors', '.'];

/** Returns a hash of the code whose time a profile is. */
async function codeHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of codeFolders) {
    const path = fileURLToPath(new URL(folder, import.meta.url));
    for (const name of (await readdir(path)).toSorted()) {
      hash.update(name).update(await readFile(join(path, name)));
    }
  }
  return hash.digest('hex');
}
