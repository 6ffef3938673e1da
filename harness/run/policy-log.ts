import { closeSync, openSync, writeSync } from 'node:fs';
import { usPerSecond } from '../base/units.ts';

type Write = typeof process.stdout.write;

/**
 * What the policies of a cell print, by `console` or by `process.stdout` and `process.stderr`, in a file of its own: each line with the
 * virtual time at which it was begun, in seconds. The file is made with the first line. Each line is on the disk before the policy
 * goes on, so that a cell which is ended has its last words there.
 */
export class PolicyLog {
  readonly #file: string;
  readonly #originals = [process.stdout, process.stderr].map((stream) => ({
    stream,
    write: Reflect.get(stream, 'write'),
  }));
  #fd: number | undefined;
  #nowUs = 0;
  #isInLine = false;

  /** Takes over what this process prints from now on, until it is closed. */
  constructor(file: string) {
    this.#file = file;
    for (const { stream } of this.#originals) stream.write = this.#write;
  }

  /** Tells what time it is in the cell, in microseconds. */
  at(nowUs: number): void {
    this.#nowUs = nowUs;
  }

  close(): void {
    for (const { stream, write } of this.#originals) stream.write = write;
    if (this.#fd === undefined) return;
    if (this.#isInLine) writeSync(this.#fd, '\n');
    closeSync(this.#fd);
  }

  readonly #write: Write = (chunk, encoding?, done?) => {
    const text =
      typeof chunk === 'string'
        ? chunk
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString();
    this.#fd ??= openSync(this.#file, 'w');
    writeSync(this.#fd, this.#prefixed(text));
    const callback: unknown = typeof encoding === 'function' ? encoding : done;
    if (typeof callback === 'function') process.nextTick(callback);
    return true;
  };

  #prefixed(text: string): string {
    const prefix = `${(this.#nowUs / usPerSecond).toFixed(6)} `;
    const marked = text.replaceAll(/\n(?=[^])/g, `\n${prefix}`);
    const result = text === '' || this.#isInLine ? marked : `${prefix}${marked}`;
    if (text !== '') this.#isInLine = !text.endsWith('\n');
    return result;
  }
}
