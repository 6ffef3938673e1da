import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import type { CellProgress } from './cell-job.ts';
import { WorkerProcess } from './worker-process.ts';
import type { TaskKind, WorkerRequest, WorkerTasks } from './worker-protocol.ts';

/** Longer than any single stage, look of a policy or file takes: a cell that stands still for so long never ends. */
const silenceMs = 300_000;

/**
 * Worker processes, kept between tasks so that TensorFlow is loaded once; one in which a plug-in has run ends with its task.
 * The pool starts one whenever a task comes and none is idle; how many tasks run at once is its caller's choice.
 */
export class WorkerPool {
  readonly #idle: WorkerProcess[] = [];
  readonly #all = new Set<WorkerProcess>();
  readonly #silenceMs: number;
  #logFile: string | undefined;
  #log: WriteStream | undefined;

  /** `silenceMs`: a task in which nothing goes on for so long is given up, in milliseconds. */
  constructor(options: { readonly silenceMs: number } = { silenceMs }) {
    this.#silenceMs = options.silenceMs;
  }

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
      if (worker.isAlive && !worker.isSpent) this.#idle.push(worker);
      else await this.#discard(worker);
    }
  }

  /** Ends all workers at once, whatever they are doing; tasks under way reject. */
  close(): void {
    for (const worker of this.#all) worker.kill();
    this.#all.clear();
    this.#idle.length = 0;
    this.#log?.end();
  }

  async #discard(worker: WorkerProcess): Promise<void> {
    await worker.end();
    this.#all.delete(worker);
  }

  #takeIdle(): WorkerProcess | undefined {
    const worker = this.#idle.pop();
    return worker === undefined || worker.isAlive ? worker : this.#takeIdle();
  }

  #start(): WorkerProcess {
    const worker = new WorkerProcess({
      silenceMs: this.#silenceMs,
      onOutput: (text) => this.#write(text),
    });
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
