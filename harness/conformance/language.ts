// What all code of a process shares: objects of the language that a plug-in can change for everybody. Nothing here may rely on
// them once a plug-in has run, so what is needed of them is kept from before, and lists are walked by index.

const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, isFrozen } = Object;
const { deleteProperty, ownKeys } = Reflect;
const textOf = String;

interface SharedProperty {
  readonly owner: object;
  readonly ownerName: string;
  readonly key: string | symbol;
  readonly descriptor: PropertyDescriptor;
}

const shared: Readonly<Record<string, object>> = {
  Array,
  'Array.prototype': Array.prototype,
  'Array iterator': getPrototypeOf([][Symbol.iterator]()) as object,
  'BigInt.prototype': BigInt.prototype,
  'Boolean.prototype': Boolean.prototype,
  Date,
  'Date.prototype': Date.prototype,
  'Error.prototype': Error.prototype,
  'Float64Array.prototype': Float64Array.prototype,
  'Function.prototype': Function.prototype,
  'Generator.prototype': getPrototypeOf(getPrototypeOf((function* () {})())) as object,
  'Int32Array.prototype': Int32Array.prototype,
  JSON,
  Map,
  'Map.prototype': Map.prototype,
  'Map iterator': getPrototypeOf(new Map().entries()) as object,
  Math,
  Number,
  'Number.prototype': Number.prototype,
  Object,
  'Object.prototype': Object.prototype,
  Promise,
  'Promise.prototype': Promise.prototype,
  Reflect,
  'RegExp.prototype': RegExp.prototype,
  Set,
  'Set.prototype': Set.prototype,
  'Set iterator': getPrototypeOf(new Set().entries()) as object,
  String,
  'String.prototype': String.prototype,
  'Symbol.prototype': Symbol.prototype,
  'TypedArray.prototype': getPrototypeOf(Int32Array.prototype) as object,
  'WeakMap.prototype': WeakMap.prototype,
  'WeakSet.prototype': WeakSet.prototype,
};

/** How the language was when this module was loaded, which is before the plug-in where a worker checks one. */
const before = everyProperty();
const ownersBefore = ownerList();

function ownerList(): readonly (readonly [string, object, number])[] {
  return Object.entries(shared).map(([name, owner]) => [name, owner, ownKeys(owner).length]);
}

function everyProperty(): readonly SharedProperty[] {
  const properties: SharedProperty[] = [];
  for (const [ownerName, owner] of Object.entries(shared)) {
    for (const key of ownKeys(owner)) {
      const descriptor = getOwnPropertyDescriptor(owner, key);
      // What can never be changed need not be compared.
      if (descriptor === undefined || descriptor.configurable !== true || isWatched(owner, key)) continue;
      properties.push({ owner, ownerName, key, descriptor });
    }
  }
  return properties;
}

/** What `CallWatch` changes itself. */
function isWatched(owner: object, key: string | symbol): boolean {
  return (owner === Math && key === 'random') || (owner === Date && key === 'now');
}

/**
 * Puts everything that the language has shared since this module was loaded back in place, and returns the names of what had
 * been changed, added or removed, such as `Array.prototype.map`.
 */
export function restoreLanguage(): readonly string[] {
  const changed: string[] = [];
  let numChanged = 0;
  // Assigning to an index of the list is what `push` would do, if that is still what it was.
  const note = (name: string): void => {
    defineProperty(changed, numChanged, {
      value: name,
      configurable: true,
      enumerable: true,
      writable: true,
    });
    numChanged += 1;
  };
  for (let index = 0; index < before.length; index += 1) {
    const { owner, ownerName, key, descriptor } = before[index] as SharedProperty;
    if (isFrozen(owner) || isSame(getOwnPropertyDescriptor(owner, key), descriptor)) continue;
    defineProperty(owner, key, descriptor);
    note(`${ownerName}.${textOf(key)}`);
  }
  for (let index = 0; index < ownersBefore.length; index += 1) {
    const [ownerName, owner, numKeys] = ownersBefore[index] as readonly [string, object, number];
    const keys = ownKeys(owner);
    // Keys are in the order in which they were made: those that have been put back stand behind those that were added.
    for (let at = 0; at < keys.length && ownKeys(owner).length > numKeys; at += 1) {
      const key = keys[at] as string | symbol;
      if (isKnown(owner, key) || !deleteProperty(owner, key)) continue;
      note(`${ownerName}.${textOf(key)}`);
    }
  }
  return changed;
}

function isKnown(owner: object, key: string | symbol): boolean {
  for (let index = 0; index < before.length; index += 1) {
    const property = before[index] as SharedProperty;
    if (property.owner === owner && property.key === key) return true;
  }
  // One that cannot be changed was left out of the list, and cannot have been added and be removed either.
  return getOwnPropertyDescriptor(owner, key)?.configurable !== true;
}

function isSame(now: PropertyDescriptor | undefined, was: PropertyDescriptor): boolean {
  return now !== undefined && now.value === was.value && now.get === was.get && now.set === was.set;
}
