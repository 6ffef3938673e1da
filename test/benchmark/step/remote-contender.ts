import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { backendEnvironment } from '../../../harness/backend/environment.ts';
import type { ContenderName, Reply, Request } from './contender-messages.ts';

/** One side in its own process, with one thread to compute on. */
export class RemoteContender {
  readonly name: ContenderName;
  readonly #process: ChildProcess;

  constructor(name: ContenderName, modelPath: string) {
    this.name = name;
    this.#process = fork(
      fileURLToPath(new URL('./contender-process.ts', import.meta.url)),
      [name, modelPath],
      {
        // libuv's pool is where node-llama-cpp computes: one thread there keeps its calls in a row.
        env: { ...process.env, ...backendEnvironment({ numThreads: 1 }), UV_THREADPOOL_SIZE: '1' },
        stdio: ['ignore', 2, 2, 'ipc'],
      },
    );
  }

  async describe(): Promise<string> {
    return (await this.#ask({ kind: 'describe' }, 'described')).description;
  }

  async prepare(
    caseName: string,
  ): Promise<{ readonly settings: string; readonly tokens: readonly number[] }> {
    return this.#ask({ kind: 'prepare', caseName }, 'prepared');
  }

  /** Microseconds of each step. */
  async time(numSteps: number): Promise<readonly number[]> {
    return (await this.#ask({ kind: 'time', numSteps }, 'timed')).stepUs;
  }

  close(): void {
    this.#process.kill();
  }

  async #ask<K extends Reply['kind']>(request: Request, expected: K): Promise<Extract<Reply, { kind: K }>> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const replied = once(this.#process, 'message', { signal }) as Promise<[Reply]>;
    const exited = once(this.#process, 'exit', { signal }).then(([code, killedBy]) => {
      throw new Error(`the process of ${this.name} ended (${code ?? killedBy})`);
    });
    this.#process.send(request);
    try {
      const [reply] = await Promise.race([replied, exited]);
      if (reply.kind === expected) return reply as Extract<Reply, { kind: K }>;
      throw new Error(
        `${this.name}: ${reply.kind === 'failed' ? reply.message : `unexpected ${reply.kind}`}`,
      );
    } finally {
      waiting.abort();
    }
  }
}
