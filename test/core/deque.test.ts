import { describe, expect, it } from 'vitest';
import { Deque } from '../../harness/base/deque.ts';
import * as fc from '../fast-check.ts';

interface Operation {
  readonly name: 'pushBack' | 'pushFront' | 'popFront' | 'insertAt' | 'remove' | 'replaceAll';
  /** Where in the deque, from 0 to 1. */
  readonly share: number;
}

const operations = fc.array(
  fc.record<Operation>({
    // More that add than take away: enough for the ring to grow past its first size of 16.
    name: fc.constantFrom(
      ...(['pushBack', 'pushBack', 'pushFront', 'pushFront', 'insertAt', 'insertAt', 'insertAt'] as const),
      ...(['popFront', 'remove', 'remove', 'replaceAll'] as const),
    ),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 120, size: 'max' },
);

/** Does the same to both, with an item that was in neither before; both answer the same. */
function apply({ name, share }: Operation, deque: Deque<number>, array: number[], item: number): void {
  const index = Math.min(array.length, Math.floor(share * (array.length + 1)));
  switch (name) {
    case 'pushBack':
      deque.pushBack(item);
      array.push(item);
      return;
    case 'pushFront':
      deque.pushFront(item);
      array.unshift(item);
      return;
    case 'popFront':
      expect(deque.popFront()).toBe(array.shift());
      return;
    case 'insertAt':
      deque.insertAt(index, item);
      array.splice(index, 0, item);
      return;
    case 'remove': {
      // Behind the last there is none: an item that is not there.
      const victim = array[index] ?? item;
      expect(deque.remove(victim)).toBe(index < array.length);
      array.splice(index, 1);
      return;
    }
    case 'replaceAll':
      array.reverse();
      deque.replaceAll(array);
  }
}

function isOdd(item: number): boolean {
  return item % 2 === 1;
}

describe('a deque', () => {
  it('does what an array does', () => {
    fc.assert(
      fc.property(operations, (sequence) => {
        const deque = new Deque<number>();
        const array: number[] = [];
        for (const [item, operation] of sequence.entries()) {
          apply(operation, deque, array, item);
          expect([...deque]).toEqual(array);
          expect(deque).toHaveLength(array.length);
          const indices = [-array.length - 1, -array.length, -1, 0, array.length];
          expect(indices.map((index) => deque.at(index))).toEqual(indices.map((index) => array.at(index)));
          expect([deque.find(isOdd), deque.some(isOdd)]).toEqual([array.find(isOdd), array.some(isOdd)]);
          expect(deque.filter(isOdd)).toEqual(array.filter(isOdd));
        }
      }),
      { numRuns: 300 },
    );
  });
});
