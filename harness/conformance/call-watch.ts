import { createHook } from 'node:async_hooks';
import type { Policy } from '../policy/index.ts';

/** A source of chance or of time that is the same for no two runs, as a property of an object that all code shares. */
interface Source {
  readonly name: string;
  readonly owner: object;
  readonly key: string;
  readonly remedy: string;
}

const chance = 'draw from deps.rng';
const time = 'read the time from the view';

const sources: readonly Source[] = [
  { name: 'Math.random', owner: Math, key: 'random', remedy: chance },
  { name: 'crypto.randomUUID', owner: crypto, key: 'randomUUID', remedy: chance },
  { name: 'crypto.getRandomValues', owner: crypto, key: 'getRandomValues', remedy: chance },
  { name: 'Date.now', owner: Date, key: 'now', remedy: time },
  { name: 'Date', owner: globalThis, key: 'Date', remedy: time },
  { name: 'performance.now', owner: performance, key: 'now', remedy: time },
  { name: 'process.hrtime.bigint', owner: process.hrtime, key: 'bigint', remedy: time },
];

/** What goes on after a call has come back, by the names that Node gives it. What printing to the console starts is not among it. */
const laterWork: Readonly<Record<string, string>> = {
  PROMISE: 'a promise (async functions make one)',
  Timeout: 'a timer',
  Immediate: 'an immediate',
  Microtask: 'a microtask',
  FSREQCALLBACK: 'reading or writing a file',
  FSREQPROMISE: 'reading or writing a file',
  TCPWRAP: 'a connection',
  GETADDRINFOREQWRAP: 'a connection',
  PROCESSWRAP: 'a process',
  WORKER: 'a thread',
};

/**
 * Sees what a policy reaches for while one of its calls is under way that makes a run depend on more than its seed: chance
 * and time from elsewhere, and work that goes on when the call has come back, since the core is synchronous and never waits
 * for it.
 */
export class CallWatch {
  /** What was seen, with the moment in which it was seen first. */
  readonly #slips = new Map<string, string>();
  readonly #leftOver: object[] = [];
  /** The moment under way that is watched. */
  #moment: string | undefined;

  /** A sentence for each kind of slip. */
  get slips(): readonly string[] {
    return [...this.#slips].map(([slip, moment]) => `${slip} (in ${moment})`);
  }

  /**
   * Puts in place what calls are watched by, for the whole process. Returns what puts everything back, which fails where the
   * objects of the language have been frozen meanwhile.
   */
  install(): () => void {
    const hook = createHook({
      init: (_asyncId, type, _triggerId, resource) => this.#started(type, resource),
    }).enable();
    const replaced = [...sources.map((source) => this.#replaceSource(source)), ...this.#replaceConsole()];
    return () => {
      for (const putBack of replaced) putBack();
      hook.disable();
    };
  }

  /** Ends the work that calls have left behind, so that nobody meets it later. */
  endLeftOver(): void {
    for (const work of this.#leftOver.splice(0)) endLaterWork(work);
  }

  /** One call of the policy. */
  call<T>(moment: string, ask: () => T): T {
    const outer = this.#moment;
    this.#moment = moment;
    try {
      return ask();
    } finally {
      this.#moment = outer;
    }
  }

  /** The policy, with each of its moments watched. */
  wrap(policy: Policy): Policy {
    return new Proxy(policy, {
      get: (target, moment) => {
        const ask: unknown = Reflect.get(target, moment, target);
        if (typeof ask !== 'function') return ask;
        return (...args: readonly unknown[]): unknown =>
          this.call(String(moment), () => Reflect.apply(ask, target, args) as unknown);
      },
    });
  }

  #note(slip: string): void {
    if (this.#moment !== undefined && !this.#slips.has(slip)) this.#slips.set(slip, this.#moment);
  }

  #started(type: string, resource: object): void {
    const what = laterWork[type];
    if (this.#moment === undefined || what === undefined) return;
    this.#note(`starts ${what}: a policy answers at once, and nothing waits for what it leaves`);
    this.#leftOver.push(resource);
  }

  #replaceSource({ name, owner, key, remedy }: Source): () => void {
    const note = () => this.#note(`calls ${name}: ${remedy}`);
    const original: unknown = Reflect.get(owner, key);
    if (typeof original !== 'function') return () => {};
    const watched = new Proxy(original, {
      apply: (target, self, args: unknown[]) => {
        note();
        return Reflect.apply(target, self, args) as unknown;
      },
      construct: (target, args: unknown[], newTarget) => {
        // `new Date(0)` is a calculation; without arguments it reads the clock.
        if (args.length === 0) note();
        return Reflect.construct(target, args, newTarget) as object;
      },
    });
    return replace(owner, key, watched);
  }

  /** Printing is allowed, whatever the console does with it later. */
  #replaceConsole(): readonly (() => void)[] {
    return ['log', 'info', 'warn', 'error', 'debug'].map((key) => {
      const print: unknown = Reflect.get(console, key);
      if (typeof print !== 'function') return () => {};
      return replace(console, key, (...args: readonly unknown[]): unknown => {
        const moment = this.#moment;
        this.#moment = undefined;
        try {
          return Reflect.apply(print, console, args);
        } finally {
          this.#moment = moment;
        }
      });
    });
  }
}

/** Puts a value in place of a property. Returns what puts the property back. */
function replace(owner: object, key: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, key);
  Object.defineProperty(owner, key, {
    value,
    configurable: true,
    writable: true,
    enumerable: before?.enumerable ?? false,
  });
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, key);
    else Object.defineProperty(owner, key, before);
  };
}

/** Timers are cleared, and what a promise rejects with is dropped: it has been told already. */
function endLaterWork(work: object): void {
  if (work instanceof Promise) work.catch(() => {});
  else if ('hasRef' in work) {
    clearTimeout(work as NodeJS.Timeout);
    clearImmediate(work as unknown as NodeJS.Immediate);
  }
}
