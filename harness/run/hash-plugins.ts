import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { z } from 'zod';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import { isPolicyPath, type PolicyUse, type ResolvedConfig } from '../config/index.ts';
import { pluginFile } from './load-policy.ts';

export interface HashedPlugin {
  /** What the configuration calls it. */
  readonly use: string;
  readonly sha256: string;
  /** Of the package that it is; `undefined` for a file. */
  readonly version: string | undefined;
  /** What the checksum leaves out, if anything. */
  readonly warning: string | undefined;
}

/** Returns the checksum of every plug-in of the configuration, each once. */
export async function hashPlugins({
  stacks,
  baseDir,
}: Pick<ResolvedConfig, 'stacks' | 'baseDir'>): Promise<readonly HashedPlugin[]> {
  const uses = new Set(stacks.flatMap(({ policies }) => policies.map(({ use }) => use)));
  const hashed: HashedPlugin[] = [];
  for (const use of uses) {
    const file = pluginFile(use, baseDir);
    if (file === undefined) continue;
    const path = await realpath(file);
    const version = isPolicyPath(use) ? undefined : await packageVersionAbove(path);
    hashed.push({ use, version, ...(await hashPlugin(use, path)) });
  }
  return hashed;
}

/**
 * Throws an `EnvironmentError`, which ends the run, where a plug-in is not what it was when the run was planned: its cells would run
 * different code.
 */
export async function requireUnchanged({ use, sha256 }: PolicyUse, baseDir: string): Promise<void> {
  const file = pluginFile(use, baseDir);
  if (sha256 === undefined || file === undefined) return;
  if ((await hashPlugin(use, await realpath(file))).sha256 === sha256) return;
  throw new EnvironmentError(
    `the plug-in ${use}, or a file that it imports, is not what it was when the run began`,
    'finished cells are kept: put it back and go on with --resume, or start anew',
  );
}

/** The version that the nearest `package.json` above the file states, where it does. */
async function packageVersionAbove(file: string): Promise<string | undefined> {
  const folder = dirname(file);
  if (folder === file) return undefined;
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return packageVersionAbove(folder);
  return packageSchema.safeParse(JSON.parse(text)).data?.version;
}

const packageSchema = z.object({ version: z.string() });

async function hashPlugin(use: string, file: string): Promise<Pick<HashedPlugin, 'sha256' | 'warning'>> {
  try {
    return { sha256: await hashFiles(file, importedFiles(file)), warning: undefined };
  } catch (error) {
    const reason = messageOf(error).replaceAll('\n', ' ').slice(0, 300);
    const warning = `${use}: its imports cannot be followed, so that changes in them go unnoticed (${reason})`;
    return { sha256: await hashFiles(file, []), warning };
  }
}

/**
 * Returns the files that a plug-in is made of besides its own, as paths from its folder: what it imports, and what these import,
 * packages included; not what it reads while it runs, and nothing of this installation that it imports by name. Throws where an
 * import leads nowhere.
 */
function importedFiles(file: string): readonly string[] {
  const dir = dirname(file);
  const { metafile } = buildSync({
    absWorkingDir: dir,
    entryPoints: [file],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    external: ['servebench/*', 'zod'],
    loader: { '.node': 'empty' },
    tsconfigRaw: {},
  });
  // What esbuild leaves out on purpose has a name in brackets.
  const inputs = Object.keys(metafile.inputs).filter((input) => !input.startsWith('('));
  return inputs.filter((input) => resolve(dir, input) !== file).toSorted();
}

/** For a plug-in of one file this is that file's own sha256; otherwise that of a list of all, with their paths from its folder. */
async function hashFiles(file: string, others: readonly string[]): Promise<string> {
  const own = await sha256Of(file);
  if (others.length === 0) return own;
  const lines = [`${own}\n`];
  for (const other of others) lines.push(`${await sha256Of(resolve(dirname(file), other))}  ${other}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}

async function sha256Of(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
