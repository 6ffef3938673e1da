import { assert } from '../base/assert.ts';
import type { LinkProfile } from './hardware.ts';
import { type EventQueue, eventPriority } from './events.ts';
import type { TransferKind } from './observer.ts';

/** Lower goes first: a small activation never waits for a big copy longer than one chunk. */
const transferPriority: Readonly<Record<TransferKind, number>> = {
  activations: 0,
  exchange: 1,
  migration: 2,
  'swap-out': 3,
  'swap-in': 3,
  weights: 4,
};

/** A transfer gives its links up, if something more urgent waits, at the next multiple of this time. */
const chunkUs = 1000;

/** One direction of a link: moves one transfer at a time, at full bandwidth. */
export class Link {
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly latencyUs: number;
  current: Transfer | undefined;

  constructor(name: string, profile: LinkProfile) {
    this.name = name;
    this.bytesPerSecond = profile.bytesPerSecond;
    this.latencyUs = profile.latencyUs;
  }
}

export interface Transfer {
  readonly kind: TransferKind;
  readonly bytes: number;
  readonly links: readonly Link[];
  readonly requestedAtUs: number;
  readonly sequence: number;
  readonly onDone: (transfer: Transfer) => void;
  startedAtUs: number | undefined;
  /** Start of the stretch under way, latency not yet counted in; `remainingUs` is what was left then. */
  segmentAtUs: number;
  remainingUs: number;
  /** Raised when a planned end no longer holds, so that its event knows. */
  version: number;
}

/**
 * Links between devices, their hosts and each other. A transfer occupies all links of its path at the speed of the
 * slowest; links serve by priority, then in order of request, and a running transfer is interrupted at chunk ends.
 */
export class Fabric {
  readonly #events: EventQueue;
  /** Waiting for a link, most urgent first. */
  readonly #queue: Transfer[] = [];
  #nextSequence = 0;

  constructor(events: EventQueue) {
    this.#events = events;
  }

  submit(transfer: {
    kind: TransferKind;
    bytes: number;
    links: readonly Link[];
    onDone: (transfer: Transfer) => void;
  }): void {
    const slowest = Math.min(...transfer.links.map((link) => link.bytesPerSecond));
    const latencyUs = Math.max(...transfer.links.map((link) => link.latencyUs));
    const queued: Transfer = {
      ...transfer,
      requestedAtUs: this.#events.nowUs,
      sequence: this.#nextSequence,
      startedAtUs: undefined,
      segmentAtUs: 0,
      remainingUs: Math.max(1, Math.ceil(latencyUs + (transfer.bytes / slowest) * 1e6)),
      version: 0,
    };
    this.#nextSequence += 1;
    this.#enqueue(queued);
    this.#serve();
  }

  #enqueue(transfer: Transfer): void {
    const index = this.#queue.findIndex((other) => isMoreUrgent(transfer, other));
    this.#queue.splice(index < 0 ? this.#queue.length : index, 0, transfer);
  }

  /**
   * Starts what can start, most urgent first. One that could start as soon as less urgent transfers give way makes them
   * yield and keeps its free links; one that waits for its equals leaves its free links to less urgent transfers, which
   * will yield to it at a chunk end.
   */
  #serve(): void {
    const kept = new Map<Link, number>();
    for (const transfer of this.#queue.slice()) {
      const priority = transferPriority[transfer.kind];
      if (transfer.links.every((link) => link.current === undefined && !isKept(kept, link, priority))) {
        this.#start(transfer);
        continue;
      }
      const couldStart = transfer.links.every(
        ({ current }) => current === undefined || mustYield(current, priority),
      );
      if (couldStart) this.#askToYield(transfer);
      for (const link of transfer.links) {
        if (!kept.has(link)) kept.set(link, couldStart ? Infinity : priority);
      }
    }
  }

  #start(transfer: Transfer): void {
    this.#queue.splice(this.#queue.indexOf(transfer), 1);
    for (const link of transfer.links) link.current = transfer;
    transfer.startedAtUs ??= this.#events.nowUs;
    transfer.segmentAtUs = this.#events.nowUs;
    this.#planEnd(transfer, transfer.remainingUs, () => {
      this.#release(transfer);
      transfer.onDone(transfer);
    });
  }

  #askToYield(urgent: Transfer): void {
    for (const link of urgent.links) {
      const current = link.current;
      if (current === undefined) continue;
      const elapsedUs = this.#events.nowUs - current.segmentAtUs;
      const boundaryUs = Math.max(1, Math.ceil(elapsedUs / chunkUs)) * chunkUs;
      if (boundaryUs >= current.remainingUs) continue;
      this.#planEnd(current, boundaryUs, () => {
        current.remainingUs -= boundaryUs;
        this.#enqueue(current);
        this.#release(current);
      });
    }
  }

  #planEnd(transfer: Transfer, afterUs: number, end: () => void): void {
    transfer.version += 1;
    const version = transfer.version;
    this.#events.scheduleCall(transfer.segmentAtUs + afterUs, eventPriority.completion, () => {
      if (transfer.version === version) end();
    });
  }

  #release(transfer: Transfer): void {
    for (const link of transfer.links) {
      assert(
        link.current === transfer,
        'INV-fabric',
        () => `${link.name} is not held by the transfer that ends`,
      );
      link.current = undefined;
    }
    this.#serve();
  }
}

function mustYield(current: Transfer, priority: number): boolean {
  return transferPriority[current.kind] > priority;
}

/** Whether a transfer before it in the queue keeps the link from one of this priority. */
function isKept(kept: ReadonlyMap<Link, number>, link: Link, priority: number): boolean {
  const untilPriority = kept.get(link);
  return untilPriority !== undefined && priority <= untilPriority;
}

function isMoreUrgent(a: Transfer, b: Transfer): boolean {
  const difference = transferPriority[a.kind] - transferPriority[b.kind];
  return difference === 0 ? a.sequence < b.sequence : difference < 0;
}
