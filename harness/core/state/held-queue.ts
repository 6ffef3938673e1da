import { must } from '../../base/assert.ts';
import { Deque } from '../../base/deque.ts';
import type { HeldView, ViewList } from '../../policy/views.ts';
import type { Request, RequestQueueOwner } from './request.ts';
import type { RequestClass } from '../../domain/workload.ts';

/**
 * Requests that are kept at the cluster, a queue for each class: those of the highest priority first, the oldest arrival
 * first in each. So a class of which nothing can be placed costs one question, however many wait.
 */
export class HeldQueue implements HeldView, RequestQueueOwner {
  readonly groupId = undefined;
  readonly #byClass: ReadonlyMap<string, Deque<Request>>;

  constructor(classes: readonly RequestClass[]) {
    const sorted = classes.toSorted((a, b) => b.priority - a.priority);
    this.#byClass = new Map(sorted.map(({ name }) => [name, new Deque<Request>()]));
  }

  get length(): number {
    let length = 0;
    for (const queue of this.#byClass.values()) length += queue.length;
    return length;
  }

  /** The queues of all classes, those of the highest priority first. */
  get queues(): Iterable<Deque<Request>> {
    return this.#byClass.values();
  }

  at(index: number): Request | undefined {
    let left = index < 0 ? this.length + index : index;
    if (left < 0) return undefined;
    for (const queue of this.#byClass.values()) {
      if (left < queue.length) return queue.at(left);
      left -= queue.length;
    }
    return undefined;
  }

  find(test: (request: Request) => boolean): Request | undefined {
    for (const request of this) if (test(request)) return request;
    return undefined;
  }

  filter(test: (request: Request) => boolean): Request[] {
    return [...this].filter((request) => test(request));
  }

  some(test: (request: Request) => boolean): boolean {
    return this.find(test) !== undefined;
  }

  ofClass(className: string): ViewList<Request> {
    return this.#byClass.get(className) ?? [];
  }

  /** One that has lost its place elsewhere comes before those that have arrived after it. */
  add(request: Request): void {
    const queue = this.#queueOf(request);
    queue.insertAt(firstAfter(queue, request), request);
  }

  remove(request: Request): void {
    const queue = this.#queueOf(request);
    queue.removeAt(firstAfter(queue, request) - 1);
  }

  *[Symbol.iterator](): IterableIterator<Request> {
    for (const queue of this.#byClass.values()) yield* queue;
  }

  #queueOf({ className }: Request): Deque<Request> {
    return must(this.#byClass.get(className), `queue of class ${className}`);
  }
}

/** Returns the index of the first request that has arrived later, found by bisection. */
function firstAfter(queue: Deque<Request>, request: Request): number {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(request, must(queue.at(middle), 'held request'))) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isBefore(a: Request, b: Request): boolean {
  return a.arrivedAtUs === b.arrivedAtUs ? a.id < b.id : a.arrivedAtUs < b.arrivedAtUs;
}
