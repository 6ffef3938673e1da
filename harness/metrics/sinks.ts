import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import { ByteWriter } from './byte-writer.ts';

/** Where the lines of one file go. */
export abstract class Sink extends ByteWriter {
  /** Writes what is left. Calling it again does no harm. */
  abstract close(): void;
}

/** Opens the sink of one file of a cell's folder. */
export type OpenSink = (fileName: string) => Sink;

/** Files in an existing folder; errors are `EnvironmentError`s that name the file. */
export function fileSinks(dir: string): OpenSink {
  return (fileName) => new FileSink(join(dir, fileName));
}

/** Lines are made and thrown away: a benchmark pays for everything but the disk. */
export const nullSinks: OpenSink = () => new NullSink();

class NullSink extends Sink {
  protected override deliver(): void {}
  override close(): void {}
}

/** Writes in large pieces, synchronously: order and bytes depend on nothing but the calls. */
export class FileSink extends Sink {
  readonly #path: string;
  #descriptor: number | undefined;

  constructor(path: string) {
    super();
    this.#path = path;
    this.#descriptor = this.#attempt(() => openSync(path, 'w'));
  }

  override close(): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    try {
      this.flush();
    } finally {
      this.#descriptor = undefined;
      this.#attempt(() => closeSync(descriptor));
    }
  }

  protected override deliver(bytes: Uint8Array): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) throw new TypeError(`${this.#path} is closed`);
    this.#attempt(() => {
      for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    });
  }

  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new EnvironmentError(`cannot write ${this.#path}: ${messageOf(error)}`, remedyOf(error), {
        cause: error,
      });
    }
  }
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC:
    'Free space on that disk, or choose another folder with --output-dir; --resume continues with the missing cells.',
  EDQUOT:
    'Free space within your disk quota, or choose another folder with --output-dir; --resume continues with the missing cells.',
  EFBIG: 'The file system takes no larger file: choose another folder with --output-dir.',
  EACCES: 'Allow writing to that folder, or choose another one with --output-dir.',
  EPERM: 'Allow writing to that folder, or choose another one with --output-dir.',
  EROFS: 'That file system is read-only: choose another folder with --output-dir.',
  EMFILE: 'Raise the limit of open files (ulimit -n), or lower --concurrency.',
};

function remedyOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return remedies[code] ?? 'Check the folder, or choose another one with --output-dir.';
}
