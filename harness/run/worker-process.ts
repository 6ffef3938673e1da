import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { PolicyError } from '../base/errors.ts';
import type { CellProgress } from './cell-job.ts';
import { reportFd } from './watchdog.ts';
import type { StuckCall } from './watchdog.ts';
import { TaskError, unpackError } from './worker-protocol.ts';
import type { WorkerReply, WorkerRequest } from './worker-protocol.ts';

/** How much of what a worker printed during a task is kept, to show when it dies. */
const maxTailChars = 2_000;

const pollMs = 200;

/** How long pipes may stay open after a worker's end: longer only if a process that it started has left its group. */
const closeMs = 500;

export interface WorkerOptions {
  /** A worker that gives no sign of life for so long during a task is ended, in milliseconds. */
  readonly silenceMs: number;
  onOutput(text: string): void;
}

interface PendingTask {
  resolve(output: unknown): void;
  reject(error: Error): void;
  onProgress(progress: CellProgress): void;
}

/**
 * One worker process, which leads a process group of its own: what a plug-in starts ends with it. Its watchdog gives signs of
 * life while its work goes on; a worker without any is stopped, or stuck where no watchdog sees it.
 */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #options: WorkerOptions;
  readonly #closed: Promise<void>;
  readonly #plugins: string[] = [];
  #pending: PendingTask | undefined;
  #numSilentPolls = 0;
  #tail = '';
  #lastWords = '';
  isAlive = true;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#child = fork(fileURLToPath(new URL('worker.js', import.meta.url)), [], {
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      serialization: 'advanced',
      detached: true,
    });
    this.#child.on('message', (reply: WorkerReply) => this.#receive(reply));
    this.#child.on('error', (error) => this.#settle((task) => task.reject(error)));
    this.#child.on('exit', () => this.#exited());
    // `close` comes after the last byte of every pipe, so the watchdog's report and the tail are complete.
    this.#closed = new Promise((resolve) => {
      this.#child.on('close', (exitCode, signal) => {
        this.#settle((task) => task.reject(this.#causeOfDeath(signal ?? `exit code ${exitCode}`)));
        resolve();
      });
    });
    this.#collect(1, (text) => this.#keep(text));
    this.#collect(2, (text) => this.#keep(text));
    this.#collect(reportFd, (text) => {
      this.#numSilentPolls = 0;
      this.#lastWords += text.trim();
    });
  }

  /** Whether a plug-in has run in it: nobody knows what that has left, so no other task may follow. */
  get isSpent(): boolean {
    return this.#plugins.length > 0;
  }

  async perform(request: WorkerRequest, onProgress: (progress: CellProgress) => void): Promise<unknown> {
    this.#tail = '';
    this.#numSilentPolls = 0;
    const timer = setInterval(() => this.#poll(), pollMs);
    try {
      return await new Promise((resolve, reject) => {
        this.#pending = { resolve, reject, onProgress };
        this.#child.send(request, (error) => {
          if (error !== null) this.#settle((task) => task.reject(error));
        });
      });
    } finally {
      clearInterval(timer);
    }
  }

  /** Ends the process and all that it has started, whatever it is doing. */
  kill(): void {
    this.isAlive = false;
    this.#killGroup();
  }

  /** Ends it, and waits until it has gone. */
  async end(): Promise<void> {
    this.kill();
    await this.#closed;
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has gone by itself, with all that it had started.
    }
  }

  /** Counts polls instead of reading a clock: a machine that slept does not look like a worker that stands still. */
  #poll(): void {
    this.#numSilentPolls += 1;
    const { silenceMs } = this.#options;
    if (this.#numSilentPolls * pollMs < silenceMs) return;
    const message =
      `nothing went on for ${silenceMs / 1000} s: its process was stopped, or stuck in native code or in a loop outside of ` +
      'any policy, and has been ended';
    this.#settle((task) => task.reject(this.#blame(message)));
    this.kill();
  }

  #collect(fd: number, onText: (text: string) => void): void {
    const stream = this.#child.stdio[fd] as Readable;
    stream.setEncoding('utf8').on('data', onText);
  }

  #keep(text: string): void {
    this.#tail = (this.#tail + text).slice(-maxTailChars);
    this.#options.onOutput(text);
  }

  #receive(reply: WorkerReply): void {
    switch (reply.kind) {
      case 'plugin':
        this.#plugins.push(reply.use);
        return;
      case 'progress':
        return this.#pending?.onProgress(reply.progress);
      case 'done':
        return this.#settle((task) => task.resolve(reply.output));
      case 'failed':
        this.#options.onOutput(reply.error.log);
        return this.#settle((task) => task.reject(unpackError(reply.error)));
    }
  }

  #exited(): void {
    this.isAlive = false;
    this.#killGroup();
    const pipes = [1, 2, reportFd].map((fd) => this.#child.stdio[fd]);
    const timer = setTimeout(() => {
      for (const pipe of pipes) pipe?.destroy();
    }, closeMs);
    void this.#closed.then(() => clearTimeout(timer));
  }

  #causeOfDeath(how: string): Error {
    if (this.#lastWords !== '') {
      const { policy, moment, timeoutMs } = JSON.parse(this.#lastWords) as StuckCall;
      return new PolicyError(policy, moment, `did not return within ${timeoutMs} ms`);
    }
    const tail = this.#tail.trim();
    const said = tail === '' ? 'it printed nothing' : `the last that it printed:\n${tail}`;
    return this.#blame(`the worker process ended unexpectedly (${how}); ${said}`);
  }

  /** What befalls a process with a plug-in is put down to the plug-in. */
  #blame(message: string): Error {
    if (!this.isSpent) return new TaskError({ message, stack: undefined });
    return new PolicyError(this.#plugins.join(' or '), 'code that the core has not called', message);
  }

  #settle(how: (task: PendingTask) => void): void {
    const task = this.#pending;
    this.#pending = undefined;
    if (task !== undefined) how(task);
  }
}
