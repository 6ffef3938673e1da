import { assert } from '../../base/assert.ts';
import type { LinkProfile } from '../../domain/hardware.ts';
import { type EventQueue, eventPriority } from './events.ts';
import type { TransferKind } from '../observer.ts';

/** Lower goes first: a small activation never waits for a big copy longer than one chunk. */
const ranks: Readonly<Record<TransferKind, number>> = {
  activations: 0,
  attention: 0,
  exchange: 1,
  migration: 2,
  'swap-out': 3,
  'swap-in': 3,
  weights: 4,
};

/** One direction of a link: moves one transfer at a time, at full bandwidth. */
export class Link {
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly latencyUs: number;
  current: Transfer | undefined;
  /** The round of serving in which a waiting transfer last reserved this link. */
  reservedInRound = 0;
  /** In that round no transfer of this rank or of one less (which is more urgent) may take the link; those of higher ranks may. */
  reservedThroughRank = 0;

  constructor(name: string, profile: LinkProfile) {
    this.name = name;
    this.bytesPerSecond = profile.bytesPerSecond;
    this.latencyUs = profile.latencyUs;
  }
}

export interface TransferRequest {
  readonly kind: TransferKind;
  readonly bytes: number;
  readonly links: readonly Link[];
  readonly onDone: (transfer: Transfer) => void;
  /** Messages one after the other, each paying the latency; 1 where not given. */
  readonly numMessages?: number;
  /** Gives its links up, if something more urgent waits, at multiples of this time; 1 ms where not given. */
  readonly chunkUs?: number;
  /** False: goes whole, and in order of request among the most urgent, which wait behind it; true where not given. */
  readonly isCoordinated?: boolean;
}

export interface Transfer {
  readonly kind: TransferKind;
  readonly bytes: number;
  readonly links: readonly Link[];
  readonly onDone: (transfer: Transfer) => void;
  readonly chunkUs: number;
  readonly rank: number;
  readonly requestedAtUs: number;
  readonly sequence: number;
  state: 'queued' | 'moving' | 'done' | 'cancelled';
  startedAtUs: number | undefined;
  /** Start of the stretch under way; `remainingUs` is what was left then. */
  segmentAtUs: number;
  remainingUs: number;
  /** After how long this stretch will be cut short, 0 if it will not. */
  yieldAfterUs: number;
  /** Raised when a planned end no longer holds, so that its event knows. */
  version: number;
}

/**
 * Links between devices, their hosts and each other. A transfer occupies all links of its path at the speed of the
 * slowest; links serve by rank, then in order of request, and a running transfer is interrupted at chunk ends
 * (KunServe, section 5: activations go first after each chunk of the exchange).
 */
export class Fabric {
  readonly #events: EventQueue;
  /** Waiting for a link, most urgent first. */
  readonly #queue: Transfer[] = [];
  #nextSequence = 0;
  #round = 0;

  constructor(events: EventQueue) {
    this.#events = events;
  }

  /** The handle can be cancelled. However small, a transfer takes a microsecond or more. */
  submit(request: TransferRequest): Transfer {
    const { kind, bytes, onDone, numMessages = 1, chunkUs = 1000, isCoordinated = true } = request;
    const links = [...new Set(request.links)];
    const slowest = Math.min(...links.map((link) => link.bytesPerSecond));
    const latencyUs = Math.max(0, ...links.map((link) => link.latencyUs));
    const transfer: Transfer = {
      kind,
      bytes,
      links,
      onDone,
      chunkUs: Math.max(1, Math.round(chunkUs)),
      rank: isCoordinated ? ranks[kind] : 0,
      requestedAtUs: this.#events.nowUs,
      sequence: this.#nextSequence,
      state: 'queued',
      startedAtUs: undefined,
      segmentAtUs: 0,
      remainingUs: Math.max(1, Math.ceil(numMessages * latencyUs + (bytes * 1e6) / slowest)),
      yieldAfterUs: 0,
      version: 0,
    };
    this.#nextSequence += 1;
    this.#enqueue(transfer);
    this.#serve();
    return transfer;
  }

  /** Takes a transfer out, so that `onDone` is never called; harmless where it is done or cancelled already. */
  cancel(transfer: Transfer): void {
    const { state } = transfer;
    if (state === 'done' || state === 'cancelled') return;
    transfer.state = 'cancelled';
    transfer.version += 1;
    if (state === 'queued') this.#queue.splice(this.#queue.indexOf(transfer), 1);
    else release(transfer);
    this.#serve();
  }

  #enqueue(transfer: Transfer): void {
    const before = this.#queue.findLastIndex((other) => isMoreUrgent(other, transfer));
    this.#queue.splice(before + 1, 0, transfer);
  }

  /**
   * Starts what can start, most urgent first. One that could start as soon as less urgent transfers give way makes them
   * yield and keeps its free links from all; one that waits for its equals leaves its free links to less urgent
   * transfers, which will yield to it at a chunk end. Linear in the queue.
   */
  #serve(): void {
    this.#round += 1;
    for (let index = 0; index < this.#queue.length; ) {
      const transfer = this.#queue[index] as Transfer;
      const couldStart = this.#couldStart(transfer);
      if (couldStart && transfer.links.every((link) => link.current === undefined)) {
        this.#queue.splice(index, 1);
        this.#start(transfer);
        continue;
      }
      if (couldStart) this.#askToYield(transfer);
      this.#reserveLinks(transfer.links, couldStart ? Infinity : transfer.rank);
      index += 1;
    }
  }

  /** Whether nothing stands in its way but transfers that must yield to it. */
  #couldStart({ links, rank }: Transfer): boolean {
    for (const link of links) {
      if (link.current !== undefined && link.current.rank <= rank) return false;
      if (link.reservedInRound === this.#round && rank <= link.reservedThroughRank) return false;
    }
    return true;
  }

  #reserveLinks(links: readonly Link[], rank: number): void {
    for (const link of links) {
      link.reservedThroughRank =
        link.reservedInRound === this.#round ? Math.max(link.reservedThroughRank, rank) : rank;
      link.reservedInRound = this.#round;
    }
  }

  #start(transfer: Transfer): void {
    for (const link of transfer.links) link.current = transfer;
    transfer.state = 'moving';
    transfer.startedAtUs ??= this.#events.nowUs;
    this.#beginSegment(transfer);
  }

  #beginSegment(transfer: Transfer): void {
    transfer.segmentAtUs = this.#events.nowUs;
    transfer.yieldAfterUs = 0;
    this.#planEnd(transfer, transfer.remainingUs, () => {
      transfer.state = 'done';
      release(transfer);
      this.#serve();
      transfer.onDone(transfer);
    });
  }

  #askToYield(urgent: Transfer): void {
    for (const { current } of urgent.links) {
      if (current === undefined) continue;
      const elapsedUs = this.#events.nowUs - current.segmentAtUs;
      const boundaryUs = Math.max(1, Math.ceil(elapsedUs / current.chunkUs)) * current.chunkUs;
      if (boundaryUs >= current.remainingUs) continue;
      if (current.yieldAfterUs === boundaryUs) continue;
      current.yieldAfterUs = boundaryUs;
      this.#planEnd(current, boundaryUs, () => this.#yield(current));
    }
  }

  /** At a chunk end: goes back to the queue, and on at once if nobody more urgent waits any more. */
  #yield(transfer: Transfer): void {
    transfer.remainingUs -= transfer.yieldAfterUs;
    transfer.state = 'queued';
    release(transfer);
    this.#enqueue(transfer);
    this.#serve();
  }

  #planEnd(transfer: Transfer, afterUs: number, end: () => void): void {
    transfer.version += 1;
    const version = transfer.version;
    this.#events.scheduleCall(transfer.segmentAtUs + afterUs, eventPriority.completion, () => {
      if (transfer.version === version) end();
    });
  }
}

function release(transfer: Transfer): void {
  for (const link of transfer.links) {
    assert(
      link.current === transfer,
      'INV-fabric',
      () => `${link.name} is not held by the transfer that ends`,
    );
    link.current = undefined;
  }
}

function isMoreUrgent(a: Transfer, b: Transfer): boolean {
  return a.rank === b.rank ? a.sequence < b.sequence : a.rank < b.rank;
}
