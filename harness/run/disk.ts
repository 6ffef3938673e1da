import { EnvironmentError, messageOf } from '../base/errors.ts';
import { writeWhole } from '../base/write-whole.ts';

const causes: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOENT: 'no folder can be made there',
  ENAMETOOLONG: 'the name is too long',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EIO: 'the disk does not respond',
};

/**
 * Returns an `EnvironmentError` for an error of the file system that the user can do something about, and any other error as
 * it is.
 */
export function explainDiskError(error: unknown, dir: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const cause = causes[code];
  if (cause === undefined) return error;
  const remedy =
    'make room or choose another folder with --output-dir; --resume continues with the missing cells';
  return new EnvironmentError(`cannot write results to ${dir}: ${cause} (${messageOf(error)})`, remedy, {
    cause: error,
  });
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeWhole(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
