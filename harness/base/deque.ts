import { filterOf, findIn, isSomeIn } from './lists.ts';

/**
 * Double-ended queue over a ring buffer: O(1) at both ends and by index; inserting or removing in the middle
 * moves the items up to the nearer end.
 */
export class Deque<T> {
  #items: (T | undefined)[] = Array.from({ length: 16 }, () => undefined);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The item at `index`, a negative one counted from the end, as of an array. */
  at(index: number): T | undefined {
    if (index < 0) return index < -this.#length ? undefined : this.at(this.#length + index);
    if (index >= this.#length) return undefined;
    return this.#items[(this.#head + index) & (this.#items.length - 1)];
  }

  find(test: (item: T) => boolean): T | undefined {
    return findIn(this, test);
  }

  filter(test: (item: T) => boolean): T[] {
    return filterOf(this, test);
  }

  some(test: (item: T) => boolean): boolean {
    return isSomeIn(this, test);
  }

  pushBack(item: T): void {
    this.#reserve();
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length += 1;
  }

  pushFront(item: T): void {
    this.#reserve();
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = item;
    this.#length += 1;
  }

  popFront(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length -= 1;
    return item;
  }

  /** Inserts the item at `index`, from 0 to `length`. */
  insertAt(index: number, item: T): void {
    if (index < this.#length / 2) {
      this.pushFront(item);
      for (let at = 0; at < index; at += 1) this.#swap(at, at + 1);
    } else {
      this.pushBack(item);
      for (let at = this.#length - 1; at > index; at -= 1) this.#swap(at, at - 1);
    }
  }

  /** Removes the first occurrence of the item and returns whether there was one. */
  remove(item: T): boolean {
    for (let index = 0; index < this.#length; index += 1) {
      if (this.at(index) !== item) continue;
      this.removeAt(index);
      return true;
    }
    return false;
  }

  /** Takes out the item at `index`, from 0 to `length - 1`. */
  removeAt(index: number): void {
    if (index < this.#length / 2) {
      for (let at = index; at > 0; at -= 1) this.#swap(at, at - 1);
      this.popFront();
    } else {
      for (let at = index; at < this.#length - 1; at += 1) this.#swap(at, at + 1);
      this.#length -= 1;
      this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = undefined;
    }
  }

  #swap(a: number, b: number): void {
    const mask = this.#items.length - 1;
    const first = (this.#head + a) & mask;
    const second = (this.#head + b) & mask;
    const item = this.#items[first];
    this.#items[first] = this.#items[second];
    this.#items[second] = item;
  }

  replaceAll(items: Iterable<T>): void {
    const next = [...items];
    this.#items = Array.from({ length: 16 }, () => undefined);
    this.#head = 0;
    this.#length = 0;
    for (const item of next) this.pushBack(item);
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let index = 0; index < this.#length; index += 1) yield this.at(index) as T;
  }

  #reserve(): void {
    if (this.#length < this.#items.length) return;
    const ordered: (T | undefined)[] = [...this];
    while (ordered.length < this.#items.length * 2) ordered.push(undefined);
    this.#items = ordered;
    this.#head = 0;
  }
}
