import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { PolicyError } from '../base/errors.ts';
import type { CellProgress } from './cell-job.ts';
import { reportFd } from './watchdog.ts';
import type { StuckCall } from './watchdog.ts';
import { TaskError, unpackError } from './worker-protocol.ts';
import type { TaskKind, WorkerReply, WorkerRequest, WorkerTasks } from './worker-protocol.ts';

/** How much of what a worker printed is kept, to show when it dies. */
const maxTailChars = 2_000;

/**
 * Worker processes, kept between tasks so that TensorFlow is loaded once. The pool starts one whenever a task comes and
 * none is idle; how many tasks run at once is its caller's choice.
 */
export class WorkerPool {
  readonly #idle: WorkerProcess[] = [];
  readonly #all = new Set<WorkerProcess>();
  #logFile: string | undefined;
  #log: WriteStream | undefined;

  /** Sends everything that workers print from now on to the file: TensorFlow's log, a plug-in's `console.log`. */
  logTo(file: string): void {
    this.#logFile = file;
  }

  /** Runs a task in a worker; rejects with what the task threw, or with a `PolicyError` when a policy got stuck. */
  async run<K extends TaskKind>(
    kind: K,
    input: WorkerTasks[K]['input'],
    onProgress: (progress: CellProgress) => void = () => {},
  ): Promise<WorkerTasks[K]['output']> {
    const worker = this.#takeIdle() ?? this.#start();
    const request = { kind, input } as WorkerRequest;
    try {
      return (await worker.perform(request, onProgress)) as WorkerTasks[K]['output'];
    } finally {
      if (worker.isAlive) this.#idle.push(worker);
      else this.#all.delete(worker);
    }
  }

  /** Ends all workers at once, whatever they are doing; tasks under way reject. */
  close(): void {
    for (const worker of this.#all) worker.kill();
    this.#all.clear();
    this.#idle.length = 0;
    this.#log?.end();
  }

  #takeIdle(): WorkerProcess | undefined {
    const worker = this.#idle.pop();
    return worker === undefined || worker.isAlive ? worker : this.#takeIdle();
  }

  #start(): WorkerProcess {
    const worker = new WorkerProcess((text) => this.#write(text));
    this.#all.add(worker);
    return worker;
  }

  #write(text: string): void {
    if (this.#logFile === undefined) return;
    // The log is a convenience: whatever is in the way of it (a full disk) shows in the results, which are checked.
    this.#log ??= createWriteStream(this.#logFile, { flags: 'a' }).on('error', () => {});
    this.#log.write(text);
  }
}

interface PendingTask {
  resolve(output: unknown): void;
  reject(error: Error): void;
  onProgress(progress: CellProgress): void;
}

class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #onOutput: (text: string) => void;
  #pending: PendingTask | undefined;
  #tail = '';
  #lastWords = '';
  isAlive = true;

  constructor(onOutput: (text: string) => void) {
    this.#onOutput = onOutput;
    this.#child = fork(fileURLToPath(new URL('worker.js', import.meta.url)), [], {
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      serialization: 'advanced',
    });
    this.#child.on('message', (reply: WorkerReply) => this.#receive(reply));
    this.#child.on('error', (error) => this.#settle((task) => task.reject(error)));
    // `close` comes after the last byte of every pipe, so the watchdog's report and the tail are complete.
    this.#child.on('close', (exitCode, signal) => this.#ended(signal ?? `exit code ${exitCode}`));
    this.#collect(1, (text) => this.#keep(text));
    this.#collect(2, (text) => this.#keep(text));
    this.#collect(reportFd, (text) => {
      this.#lastWords += text;
    });
  }

  perform(request: WorkerRequest, onProgress: (progress: CellProgress) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject, onProgress };
      this.#child.send(request, (error) => {
        if (error !== null) this.#settle((task) => task.reject(error));
      });
    });
  }

  kill(): void {
    this.isAlive = false;
    this.#child.kill('SIGKILL');
  }

  #collect(fd: number, onText: (text: string) => void): void {
    const stream = this.#child.stdio[fd] as Readable;
    stream.setEncoding('utf8').on('data', onText);
  }

  #keep(text: string): void {
    this.#tail = (this.#tail + text).slice(-maxTailChars);
    this.#onOutput(text);
  }

  #receive(reply: WorkerReply): void {
    switch (reply.kind) {
      case 'progress':
        return this.#pending?.onProgress(reply.progress);
      case 'done':
        return this.#settle((task) => task.resolve(reply.output));
      case 'failed':
        return this.#settle((task) => task.reject(unpackError(reply.error)));
    }
  }

  #ended(how: string): void {
    this.isAlive = false;
    this.#settle((task) => task.reject(this.#causeOfDeath(how)));
  }

  #causeOfDeath(how: string): Error {
    if (this.#lastWords !== '') {
      const { policy, moment, timeoutMs } = JSON.parse(this.#lastWords) as StuckCall;
      return new PolicyError(policy, moment, `did not return within ${timeoutMs} ms`);
    }
    const tail = this.#tail.trim();
    const said = tail === '' ? 'it printed nothing' : `the last that it printed:\n${tail}`;
    return new TaskError({
      message: `the worker process ended unexpectedly (${how}); ${said}`,
      stack: undefined,
    });
  }

  #settle(how: (task: PendingTask) => void): void {
    const task = this.#pending;
    this.#pending = undefined;
    if (task !== undefined) how(task);
  }
}
