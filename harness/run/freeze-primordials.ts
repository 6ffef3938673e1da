/** Names of the language's own objects, as every module finds them. */
const names = (
  'Object Function Boolean Symbol Number BigInt Math Date String RegExp Array Map Set WeakMap WeakSet WeakRef JSON Reflect ' +
  'Proxy Promise Intl Atomics DataView ArrayBuffer SharedArrayBuffer Int8Array Uint8Array Uint8ClampedArray Int16Array ' +
  'Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array FinalizationRegistry globalThis ' +
  'parseInt parseFloat isNaN isFinite'
).split(' ');

/** Errors keep their settings open (`Error.stackTraceLimit`), which libraries change for a moment. */
const errorNames =
  'Error TypeError RangeError SyntaxError ReferenceError EvalError URIError AggregateError'.split(' ');

/**
 * Freezes the objects of the language itself in this process, so that code that would change them (another
 * `Array.prototype.sort`, `Math.ceil` or `Map`) gets a `TypeError` where it does so, and all other code computes what it did.
 * Nothing is undone: call it in a process that ends with the code that it is meant for. What libraries legitimately set on
 * objects of their own (`toString`, `constructor`, an error's `name`) can be set as before.
 */
export function freezePrimordials(): void {
  const globals = [...names, ...errorNames];
  const values = globals.map((name): unknown => Reflect.get(globalThis, name));
  for (const value of values) {
    if (isObject(value)) allowOverrides(Reflect.get(value, 'prototype'));
  }
  for (const hidden of hiddenPrototypes()) Object.freeze(hidden);
  for (const [index, value] of values.entries()) {
    if (!isObject(value) || value === globalThis) continue;
    const isError = errorNames.includes(globals[index] ?? '');
    Object.freeze(Reflect.get(value, 'prototype'));
    if (!isError) Object.freeze(value);
  }
  for (const name of globals) {
    if (Reflect.getOwnPropertyDescriptor(globalThis, name)?.configurable !== true) continue;
    Object.defineProperty(globalThis, name, { writable: false, configurable: false });
  }
}

/** Prototypes that no global name leads to: of iterators, generators, and what typed arrays have in common. */
function hiddenPrototypes(): readonly unknown[] {
  const iterators = [
    [].values(),
    new Map().values(),
    new Set().values(),
    ''[Symbol.iterator](),
    'a'.matchAll(/a/g),
  ];
  const functions = [function* () {}, async () => {}, async function* () {}];
  const typedArray: unknown = Object.getPrototypeOf(Int8Array);
  const ofIterators = iterators.map((iterator): unknown => Object.getPrototypeOf(iterator));
  const ofFunctions = functions.map((each): unknown => Object.getPrototypeOf(each));
  return [
    ...ofIterators,
    Object.getPrototypeOf(ofIterators[0]),
    ...ofFunctions,
    ...ofFunctions.map((each): unknown => Reflect.get(each as object, 'prototype')),
    typedArray,
    Reflect.get(typedArray as object, 'prototype'),
  ];
}

/** Prototypes from which every other object inherits, and what such an object may have of its own instead. */
const overridable: ReadonlyMap<unknown, readonly string[]> = new Map<unknown, readonly string[]>([
  [
    Object.prototype,
    ['constructor', 'toString', 'toLocaleString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'],
  ],
  [Function.prototype, ['constructor', 'toString', 'call', 'apply', 'bind']],
  ...errorNames.map((name): [unknown, readonly string[]] => [
    Reflect.get(Reflect.get(globalThis, name) as object, 'prototype'),
    ['constructor', 'name', 'message', 'toString'],
  ]),
]);

/**
 * A frozen property cannot be assigned on objects that inherit it either, which a library does that gives its own objects a
 * `toString`. Behind a setter it can, and the prototype itself stays as it is.
 */
function allowOverrides(prototype: unknown): void {
  for (const key of overridable.get(prototype) ?? []) {
    const descriptor = Reflect.getOwnPropertyDescriptor(prototype as object, key);
    if (descriptor === undefined || !('value' in descriptor)) continue;
    const value: unknown = descriptor.value;
    Object.defineProperty(prototype, key, {
      get: () => value,
      set(this: object, changed: unknown) {
        if (this === prototype)
          throw new TypeError(`"${key}" of the language's own objects cannot be changed`);
        Object.defineProperty(this, key, {
          value: changed,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      },
      enumerable: false,
      configurable: false,
    });
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
