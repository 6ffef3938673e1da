/** Removes the first occurrence of `item` from a short list and returns whether there was one. */
export function removeFrom<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}

/** What can be walked by index. */
interface Indexed<T> {
  readonly length: number;
  at(index: number): T | undefined;
}

/** Returns the first item for which the test returns true, or `undefined`. */
export function findIn<T>(list: Indexed<T>, test: (item: T) => boolean): T | undefined {
  for (let index = 0; index < list.length; index += 1) {
    const item = list.at(index) as T;
    if (test(item)) return item;
  }
  return undefined;
}

/** Returns a new array of all items for which the test returns true. */
export function filterOf<T>(list: Indexed<T>, test: (item: T) => boolean): T[] {
  const found: T[] = [];
  for (let index = 0; index < list.length; index += 1) {
    const item = list.at(index) as T;
    if (test(item)) found.push(item);
  }
  return found;
}

/** Tells whether the test returns true for any item. */
export function isSomeIn<T>(list: Indexed<T>, test: (item: T) => boolean): boolean {
  for (let index = 0; index < list.length; index += 1) {
    if (test(list.at(index) as T)) return true;
  }
  return false;
}
