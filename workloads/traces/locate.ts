import { access, constants, readdir, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { InputError, type InputIssue, messageOf } from '../../harness/base/errors.ts';
import { nearestName } from '../../harness/base/suggest.ts';
import type { TraceFile } from './read-bytes.ts';

/** Returns the file that `name` means. Throws an `InputError` with the nearest name in its folder when there is none. */
export async function locateTrace(name: string, baseDir: string, configPath = 'path'): Promise<TraceFile> {
  const path = resolve(baseDir, name);
  const issue = await findProblem(path);
  if (issue !== undefined) throw new InputError({ source: name, path: configPath, ...issue });
  return { path, name };
}

async function findProblem(path: string): Promise<Pick<InputIssue, 'message' | 'hint'> | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return { message: 'is not a file; the path of a trace file is expected' };
    await access(path, constants.R_OK);
    return found.size === 0 ? { message: 'the trace is empty' } : undefined;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      return { message: `cannot be read: ${messageOf(error)}` };
    }
    return { message: `there is no file ${path}`, hint: await nearestFile(path) };
  }
}

async function nearestFile(path: string): Promise<string> {
  const folder = dirname(path);
  try {
    const nearest = nearestName(basename(path), await readdir(folder));
    return nearest === undefined ? `nothing in ${folder} has a similar name` : `did you mean "${nearest}"?`;
  } catch {
    return `there is no folder ${folder}`;
  }
}
