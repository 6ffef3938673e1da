/** The keys that the contract promises for a view, and what the view is called in an error. */
export interface Rules {
  readonly name: string;
  readonly keys: Readonly<Record<string, true>>;
  /** Of plain objects inside it. */
  readonly inner?: Rules;
}

type Callback = (...args: readonly unknown[]) => unknown;

/**
 * Returns a function that puts a guard before an object: through it the object can be read, as far as its rules promise, but not
 * changed, and whatever is reached through it is guarded as well. Numbers, strings and frozen objects need none; what a policy has
 * made itself stays its own.
 */
export function createGuard(rulesOf: (value: object) => Rules | undefined): (value: unknown) => unknown {
  const guards = new Guards(rulesOf);
  return (value) => guards.of(value);
}

class Guards {
  /** There is one guard per object, and a guard maps to itself, so that a policy can compare views by identity. */
  readonly #guards = new WeakMap<object, object>();
  /** The object behind each guard, for methods of the core's lists that are given a guard (`includes`, `indexOf`). */
  readonly #originals = new WeakMap<object, object>();
  /** What the policy has made and passed through a method of a list: the results of `map`, the sum of `reduce`. */
  readonly #own = new WeakSet<object>();
  readonly #handlers = new Map<Rules | undefined, ViewHandler>();
  readonly #rulesOf: (value: object) => Rules | undefined;

  constructor(rulesOf: (value: object) => Rules | undefined) {
    this.#rulesOf = rulesOf;
  }

  of(value: unknown, outer?: Rules): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#guards.get(value);
    if (known !== undefined) return known;
    // What is frozen is data that is frozen to its depth.
    if (this.#own.has(value) || Object.isFrozen(value)) return value;
    const proxy = new Proxy(value, this.#handlerFor(this.#rulesOf(value) ?? outer?.inner));
    this.#guards.set(value, proxy);
    this.#guards.set(proxy, proxy);
    this.#originals.set(proxy, value);
    return proxy;
  }

  *each(target: Iterable<unknown>): Generator {
    for (const value of target) yield this.of(value);
  }

  /** A method of the core's as a policy may call it. */
  method(target: object, method: Callback): Callback {
    return (...args) => {
      const result: unknown = Reflect.apply(
        method,
        target,
        args.map((arg) => this.#toOriginal(arg)),
      );
      // A new list belongs to the policy and may become part of its answer; only its elements are guarded.
      return Array.isArray(result) && !this.#own.has(result)
        ? result.map((each: unknown) => this.of(each))
        : this.of(result);
    };
  }

  #handlerFor(rules: Rules | undefined): ViewHandler {
    const known = this.#handlers.get(rules);
    if (known !== undefined) return known;
    const handler = new ViewHandler(this, rules);
    this.#handlers.set(rules, handler);
    return handler;
  }

  /** Prepares an argument for a method of the core's own lists: unwraps guards and guards what callbacks receive. */
  #toOriginal(arg: unknown): unknown {
    if (isCallback(arg)) return this.#guardCallback(arg);
    if (typeof arg !== 'object' || arg === null) return arg;
    const original = this.#originals.get(arg);
    if (original === undefined) this.#own.add(arg);
    return original ?? arg;
  }

  /** Guards the arguments that a list passes to a callback (`filter`, `map`, `reduce`). */
  #guardCallback(callback: Callback): Callback {
    return (...args) => {
      const result: unknown = Reflect.apply(
        callback,
        undefined,
        args.map((arg) => this.of(arg)),
      );
      this.#markOwn(result);
      // The elements of a list that `flatMap` takes apart.
      if (Array.isArray(result)) for (const each of result) this.#markOwn(each);
      return result;
    };
  }

  #markOwn(value: unknown): void {
    if (typeof value === 'object' && value !== null && !this.#originals.has(value)) this.#own.add(value);
  }
}

class ViewHandler implements ProxyHandler<object> {
  readonly #guards: Guards;
  readonly #rules: Rules | undefined;

  constructor(guards: Guards, rules: Rules | undefined) {
    this.#guards = guards;
    this.#rules = rules;
  }

  get(target: object, key: string | symbol): unknown {
    if (!this.#promises(key)) {
      throw new TypeError(`${this.#rules?.name} has no "${String(key)}": the contract does not promise it`);
    }
    if (key === Symbol.iterator && key in target) {
      return () => this.#guards.each(target as Iterable<unknown>);
    }
    const inner: unknown = Reflect.get(target, key, target);
    return isCallback(inner) ? this.#guards.method(target, inner) : this.#guards.of(inner, this.#rules);
  }

  getOwnPropertyDescriptor(target: object, key: string | symbol): PropertyDescriptor | undefined {
    const descriptor = Reflect.getOwnPropertyDescriptor(target, key);
    if (descriptor === undefined || !this.#promises(key)) return undefined;
    return 'value' in descriptor ? { ...descriptor, value: this.get(target, key) } : descriptor;
  }

  /** Not the classes of the core, which a policy could change. */
  getPrototypeOf(target: object): object {
    return Array.isArray(target) ? Array.prototype : Object.prototype;
  }

  set(_target: object, key: string | symbol): never {
    return refuseWrite(key);
  }

  defineProperty(_target: object, key: string | symbol): never {
    return refuseWrite(key);
  }

  deleteProperty(_target: object, key: string | symbol): never {
    return refuseWrite(key);
  }

  setPrototypeOf(): never {
    return refuseWrite('__proto__');
  }

  preventExtensions(): never {
    throw new TypeError('a view cannot be frozen: it shows what changes');
  }

  #promises(key: string | symbol): boolean {
    if (this.#rules === undefined || typeof key === 'symbol') return true;
    return Object.hasOwn(this.#rules.keys, key) || /^\d+$/.test(key);
  }
}

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function';
}

function refuseWrite(key: string | symbol): never {
  throw new TypeError(`a view is read-only: "${String(key)}" cannot be changed; return a decision instead`);
}
