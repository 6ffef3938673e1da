import { Worker } from 'node:worker_threads';
import type { CallGuard } from '../policy/stack.ts';

/** File descriptor of the pipe to the parent on which the watchdog's signs of life and last words go. */
export const reportFd = 4;

const pollMs = 50;

/** Importing a plug-in reads and compiles files, which takes longer than any call. */
const importTimeoutMs = 5_000;

/** How many polls pass between two signs of life: newlines on the pipe. */
const pollsPerSign = 10;

/** What the watchdog writes before it ends the process, as JSON. */
export interface StuckCall {
  readonly policy: string;
  readonly moment: string;
  readonly timeoutMs: number;
}

/**
 * Ends this process when one policy call lasts too long. The core is synchronous, so a policy that never returns holds
 * the event loop for ever and only another thread can notice. A call costs a few stores into shared memory: word 0
 * counts up at `enter` and at `leave`, words 1 to 3 say which policy, which moment, and how long it may take; word 4 counts
 * other work. While any of it goes on, the thread gives signs of life. It also ends the process when its parent has gone.
 */
export class Watchdog implements CallGuard {
  readonly #words = new Int32Array(new SharedArrayBuffer(5 * Int32Array.BYTES_PER_ELEMENT));
  readonly #indices = new Map<string, number>();
  readonly #thread: Worker;
  #sequence = 0;
  #timeoutMs = importTimeoutMs;

  constructor(parentPid: number) {
    this.#thread = new Worker(new URL('watchdog-thread.js', import.meta.url), {
      workerData: { words: this.#words, parentPid, reportFd, pollMs, pollsPerSign },
      execArgv: [],
    });
    this.#thread.unref();
  }

  setTimeoutMs(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
  }

  enter(policy: string, moment: string): void {
    this.#words[1] = this.#indexOf(policy);
    this.#words[2] = this.#indexOf(moment);
    this.#words[3] = moment === 'import' ? importTimeoutMs : this.#timeoutMs;
    this.#count();
  }

  leave(): void {
    this.#count();
  }

  /** Tells that work outside of any policy goes on. */
  advance(): void {
    Atomics.add(this.#words, 4, 1);
  }

  #count(): void {
    this.#sequence = (this.#sequence + 1) | 0;
    Atomics.store(this.#words, 0, this.#sequence);
  }

  #indexOf(name: string): number {
    const known = this.#indices.get(name);
    if (known !== undefined) return known;
    const index = this.#indices.size;
    this.#indices.set(name, index);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#thread.postMessage(name);
    return index;
  }
}
