import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';

type SetupPhase = 'wait' | 'inspect' | 'download' | 'unpack' | 'build' | 'verify' | 'install';

export interface SetupProgress {
  readonly phase: SetupPhase;
  /** A line for the user. */
  readonly text: string;
  /** Completed share of the phase, 0 to 1; undefined if unknown. */
  readonly fraction?: number;
}

export type OnSetupProgress = (progress: SetupProgress) => void;

const pollMs = 400;

/**
 * Runs an action and reports meanwhile the size in bytes of the largest file below a folder. This is how we
 * follow pip, which shows no progress unless it writes to a terminal, and which copies the finished file
 * once.
 */
export async function watchLargestFile<T>(
  folder: string,
  onBytes: (bytes: number) => void,
  action: () => Promise<T>,
): Promise<T> {
  let isMeasuring = false;
  const timer = setInterval(() => {
    if (isMeasuring) return;
    isMeasuring = true;
    void largestFileBytes(folder)
      .then(onBytes)
      .finally(() => {
        isMeasuring = false;
      });
  }, pollMs);
  try {
    return await action();
  } finally {
    clearInterval(timer);
  }
}

async function largestFileBytes(folder: string): Promise<number> {
  return Math.max(0, ...(await folderFiles(folder)).map(([, bytes]) => bytes));
}

/**
 * Lists the relative path and the size of every file below a folder; files that disappear meanwhile are left
 * out.
 */
export async function folderFiles(folder: string): Promise<[path: string, bytes: number][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files: [string, number][] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const stats = await stat(path).catch(() => undefined);
    if (stats !== undefined) files.push([relative(folder, path), stats.size]);
  }
  return files;
}
