import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { build } from 'esbuild';
import { messageOf } from '../base/errors.ts';
import type { ResolvedConfig } from '../config/index.ts';
import { pluginFile } from './load-policy.ts';

export interface HashedPlugin {
  /** What the configuration calls it. */
  readonly use: string;
  readonly sha256: string;
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
    if (file !== undefined) hashed.push({ use, ...(await hashPlugin(use, await realpath(file))) });
  }
  return hashed;
}

async function hashPlugin(use: string, file: string): Promise<Omit<HashedPlugin, 'use'>> {
  try {
    return { sha256: await hashFiles(file, await importedFiles(file)), warning: undefined };
  } catch (error) {
    const reason = messageOf(error).replaceAll('\n', ' ').slice(0, 300);
    const warning = `${use}: its imports cannot be followed, so that changes in them go unnoticed (${reason})`;
    return { sha256: await hashFiles(file, []), warning };
  }
}

/**
 * Returns the files that a plug-in is made of besides its own, as paths from its folder: what it imports, and what these import, packages included; not
 * what it reads while it runs, and nothing of this installation that it imports by name. Rejects where an import leads nowhere.
 */
async function importedFiles(file: string): Promise<readonly string[]> {
  const dir = dirname(file);
  const { metafile } = await build({
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
