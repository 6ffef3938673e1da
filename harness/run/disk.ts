import { EnvironmentError, errorCode, messageOf } from '../base/errors.ts';
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
  EFBIG: 'no file may become that large there (see ulimit -f)',
  ELOOP: 'a link on the way leads back to itself',
  EMFILE: 'too many files are open (see ulimit -n)',
};

/**
 * Returns an `EnvironmentError` for an error of the file system that the user can do something about, and any other error as
 * it is.
 */
export function explainDiskError(
  error: unknown,
  dir: string,
  remedy = 'make room or choose another folder with --output-dir; --resume continues with the missing cells',
): unknown {
  const cause = causes[errorCode(error) ?? ''];
  if (cause === undefined) return error;
  return new EnvironmentError(`cannot write results to ${dir}: ${cause} (${messageOf(error)})`, remedy, {
    cause: error,
  });
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeWhole(path, jsonText(value));
}

/** The value as the documents of a results folder are written. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
