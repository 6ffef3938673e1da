import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, PolicyError } from '../base/errors.ts';
import type { CellGuard } from './cell-job.ts';
import { freezePrimordials } from './freeze-primordials.ts';
import type { Watchdog } from './watchdog.ts';

/** How long a plug-in's timers and promises are waited for after its task, where it has left any, in milliseconds. */
const afterlifeMs = 250;

const stray = 'a timer or promise of its own';

/**
 * The plug-ins of this process and all that they might do to it. From the first one on the objects of the language are frozen,
 * `process.exit` throws an error, and an error that nobody catches is charged to the plug-in that it came from. A process in
 * which a plug-in has run is for one task: nobody can tell what else it has left behind.
 */
export class PluginHost implements CellGuard {
  readonly #watchdog: Watchdog;
  readonly #onImport: (use: string) => void;
  readonly #plugins: { readonly use: string; readonly file: string }[] = [];
  readonly #resources = countResources();
  #charge: (error: PolicyError) => void = () => {};

  /** `onImport` is told what the configuration calls a plug-in, before any of its code runs. */
  constructor(watchdog: Watchdog, onImport: (use: string) => void) {
    this.#watchdog = watchdog;
    this.#onImport = onImport;
  }

  enter(policy: string, moment: string): void {
    this.#watchdog.enter(policy, moment);
  }

  leave(): void {
    this.#watchdog.leave();
  }

  advance(): void {
    this.#watchdog.advance();
  }

  beforeImport(use: string, file: string): void {
    if (this.#plugins.length === 0) this.#secure();
    this.#plugins.push({ use, file });
    this.#onImport(use);
  }

  /** Does the task; rejects with a `PolicyError` where a plug-in fails beside it, or shortly after it. */
  async charging<T>(task: () => Promise<T>): Promise<T> {
    const stopped = new Promise<never>((_, reject) => {
      this.#charge = reject;
    });
    // Whoever loses the race is heard by nobody.
    stopped.catch(() => {});
    return Promise.race([stopped, this.#untilStill(task)]);
  }

  async #untilStill<T>(task: () => Promise<T>): Promise<T> {
    const result = await task();
    if (this.#plugins.length === 0) return result;
    // Rejections are told once the microtasks are done, so the first turn of the event loop has them.
    await this.#watchFor(0);
    for (let waitedMs = 0; waitedMs < afterlifeMs && this.#hasLeftSomething(); waitedMs += 10) {
      await this.#watchFor(10);
    }
    return result;
  }

  /** Lets the event loop turn, with the watchdog on what runs there. */
  async #watchFor(ms: number): Promise<void> {
    this.enter(this.#names, stray);
    await sleep(ms);
    this.leave();
  }

  #hasLeftSomething(): boolean {
    const now = countResources();
    return [...now].some(([kind, count]) => count > (this.#resources.get(kind) ?? 0));
  }

  #secure(): void {
    freezePrimordials();
    process.exit = (code) => {
      throw new Error(
        `calls process.exit(${code ?? ''}), which would end the run of its cell; throw an error`,
      );
    };
    process.on('uncaughtException', (error: unknown) => this.#charge(this.#accuse(error)));
  }

  /** Names the plug-in whose file the stack of the error shows, or all that it may have been. */
  #accuse(error: unknown): PolicyError {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    const culprit = this.#plugins.find(({ file }) => stack.includes(file))?.use ?? this.#names;
    return new PolicyError(culprit, stray, messageOf(error), { cause: error });
  }

  get #names(): string {
    return this.#plugins.map(({ use }) => use).join(' or ');
  }
}

/** What keeps this process awake, by kind, but for what it is writing. */
function countResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind.startsWith('Pipe') || kind.endsWith('WriteWrap') || kind === 'WriteReq') continue;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
