/**
 * Everything that can be read of an object and of what it leads to: fields, getters, and entries of lists, maps and sets, one
 * line each, in an order that is always the same. Functions and the objects in `leaveOut` are named and not entered.
 */
export function snapshot(root: object, leaveOut: ReadonlySet<unknown>): string[] {
  const lines: string[] = [];
  const numbers = new Map<object, number>([[root, 0]]);
  const open: object[] = [root];
  const tell = (owner: number, name: string, value: unknown): void => {
    if (typeof value === 'function' || leaveOut.has(value)) return;
    if (typeof value !== 'object' || value === null) {
      lines.push(`${owner} ${name} = ${String(value)}`);
      return;
    }
    if (!numbers.has(value)) {
      numbers.set(value, numbers.size);
      open.push(value);
    }
    lines.push(`${owner} ${name} = ${value.constructor.name} ${numbers.get(value)}`);
  };
  for (let object = open.shift(); object !== undefined; object = open.shift()) {
    const number = numbers.get(object)!;
    if (isIterable(object)) [...object].forEach((entry, index) => tell(number, `[${index}]`, entry));
    for (const name of readableNames(object)) tell(number, name, Reflect.get(object, name));
  }
  return lines;
}

function isIterable(object: object): object is Iterable<unknown> {
  return Symbol.iterator in object;
}

const namesByPrototype = new Map<object, readonly string[]>();

/** Own fields, then the getters of its classes. */
function readableNames(object: object): string[] {
  const own = Array.isArray(object) ? [] : Object.keys(object);
  return [...own, ...getterNames(Object.getPrototypeOf(object))];
}

function getterNames(prototype: object | null): readonly string[] {
  if (prototype === null || prototype === Object.prototype || prototype === Array.prototype) return [];
  const known = namesByPrototype.get(prototype);
  if (known !== undefined) return known;
  const own = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(
    ([name, property]) => property.get !== undefined && name !== '__proto__',
  );
  const names = [...own.map(([name]) => name), ...getterNames(Object.getPrototypeOf(prototype))];
  namesByPrototype.set(prototype, names);
  return names;
}
