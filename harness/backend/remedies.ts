import { EnvironmentError } from '../base/errors.ts';

/** The way out that always works, named by every message about the library. */
export const simulateRemedy = 'or use --mode simulate, which needs no TensorFlow';

export const setupRemedy = `run "bench setup", ${simulateRemedy}`;

const chooseFolder = 'set SERVEBENCH_CACHE_DIR to a folder on another disk';

export function noSpaceError(folder: string, detail = ''): EnvironmentError {
  const message = `no disk space for the TensorFlow library in ${folder}${detail}`;
  return new EnvironmentError(message, `free some, or ${chooseFolder}, ${simulateRemedy}`);
}

/** Turns a failed file operation into a message with a remedy; anything else stays what it is. */
export function fileSystemError(error: unknown, folder: string): unknown {
  const code = errorCode(error) ?? '';
  if (code === 'ENOSPC' || code === 'EDQUOT') return noSpaceError(folder);
  // Node's recursive mkdir calls a read-only file system ENOENT.
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT'].includes(code)) {
    return new EnvironmentError(
      `cannot write to ${folder} (${code})`,
      `make it writable, or set SERVEBENCH_CACHE_DIR to a folder that is, ${simulateRemedy}`,
      { cause: error },
    );
  }
  return error;
}

/** `ENOENT` and the like; `undefined` for what is not a failed system call. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
