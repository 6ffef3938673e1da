import { assert } from '../../base/assert.ts';
import { Heap } from '../../base/heap.ts';

/** Something that happens at a virtual time. Objects that recur (micro-batches) are events themselves. */
export interface SimEvent {
  timeUs: number;
  priority: EventPriority;
  sequence: number;
  fire(): void;
}

/**
 * A priority decides the order within a microsecond (what ends comes before what begins) and whether the event keeps the run
 * alive; faults are ticks for the second reason.
 */
export const eventPriority = { completion: 0, arrival: 1, wake: 2, report: 3, tick: 4, sample: 5 } as const;
export type EventPriority = (typeof eventPriority)[keyof typeof eventPriority];

/** Whether an event of this priority keeps the run alive. Reports, ticks and samples repeat for ever, so they must not. */
export function keepsRunAlive(priority: EventPriority): boolean {
  return priority < eventPriority.report;
}

/** Virtual clock and agenda: integer microseconds, total order by (time, priority, order of scheduling). */
export class EventQueue {
  readonly #heap = new Heap<SimEvent>(isBefore);
  #nowUs = 0;
  #nextSequence = 0;
  /** How many planned events keep the run alive. */
  #numLive = 0;

  get nowUs(): number {
    return this.#nowUs;
  }

  get hasLiveEvents(): boolean {
    return this.#numLive > 0;
  }

  schedule(event: SimEvent, timeUs: number, priority: EventPriority): void {
    assert(timeUs >= this.#nowUs, 'INV-time', () => `an event at ${timeUs} us, planned at ${this.#nowUs} us`);
    event.timeUs = timeUs;
    event.priority = priority;
    event.sequence = this.#nextSequence;
    this.#nextSequence += 1;
    if (keepsRunAlive(priority)) this.#numLive += 1;
    this.#heap.push(event);
  }

  scheduleCall(timeUs: number, priority: EventPriority, fire: () => void): void {
    this.schedule({ timeUs, priority, sequence: 0, fire }, timeUs, priority);
  }

  /** Takes the next event that is not later than `limitUs` and moves the clock to it. */
  next(limitUs: number): SimEvent | undefined {
    const event = this.#heap.peek();
    if (event === undefined || event.timeUs > limitUs) return undefined;
    this.#heap.pop();
    if (keepsRunAlive(event.priority)) this.#numLive -= 1;
    this.#nowUs = event.timeUs;
    return event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  if (a.timeUs !== b.timeUs) return a.timeUs < b.timeUs;
  if (a.priority !== b.priority) return a.priority < b.priority;
  return a.sequence < b.sequence;
}
