import { EnvironmentError, errorCode } from '../base/errors.ts';

/** The remedy that always works, included in every message about the library. */
export const simulateRemedy = 'or use --mode simulate, which needs no TensorFlow';

export const setupRemedy = `run "bench setup", ${simulateRemedy}`;

const chooseFolder = 'set SERVEBENCH_CACHE_DIR to a folder on another disk';

export function noSpaceError(folder: string, detail = ''): EnvironmentError {
  const message = `no disk space for the TensorFlow library in ${folder}${detail}`;
  return new EnvironmentError(message, `free some, or ${chooseFolder}, ${simulateRemedy}`);
}

/**
 * Turns a failed file operation into an `EnvironmentError` with a remedy; other errors are returned
 * unchanged.
 */
export function fileSystemError(error: unknown, folder: string): unknown {
  const code = errorCode(error) ?? '';
  if (code === 'ENOSPC' || code === 'EDQUOT') return noSpaceError(folder);
  // Node's recursive mkdir reports a read-only file system as ENOENT.
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT'].includes(code)) {
    return new EnvironmentError(
      `cannot write to ${folder} (${code})`,
      `make it writable, or set SERVEBENCH_CACHE_DIR to a folder that is, ${simulateRemedy}`,
      { cause: error },
    );
  }
  return error;
}
