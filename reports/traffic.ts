import type { TransferRow } from '../harness/metrics/rows/transfer-row.ts';

/** What travels, as charts name it: both ways of a swap are one kind. */
export const trafficKinds = ['activations', 'attention', 'exchange', 'migration', 'swap', 'weights'] as const;
export type TrafficKind = (typeof trafficKinds)[number];

/** One direction of what joins an instance to the others, or to its host. */
export interface LinkTraffic {
  readonly instance: number;
  readonly direction: Direction;
  /** Bytes in each stretch of time. */
  readonly bytes: Float64Array;
}

const directions = ['to instances', 'from instances', 'to host', 'from host'] as const;
export type Direction = (typeof directions)[number];

/** All transfers of a cell, added up in equal stretches of time from 0 on: as large for a million rows as for ten. */
export interface Traffic {
  readonly stretchUs: number;
  /** Stretches up to the last end of a transfer. */
  readonly numStretches: number;
  readonly byKind: ReadonlyMap<TrafficKind, Float64Array>;
  /** By instance, then in the order of the directions. */
  readonly byLink: readonly LinkTraffic[];
}

const maxStretches = 256;
const firstStretchUs = 1000;

/**
 * Adds up transfers one by one. Nobody knows at the first row how long the run is: when a row ends beyond the last
 * stretch, neighbours are added up and stretches are twice as long from then on.
 */
export class TrafficTally {
  #stretchUs = firstStretchUs;
  #endUs = 0;
  readonly #byKind = new Map<TrafficKind, Float64Array>();
  readonly #byLink = new Map<string, LinkTraffic>();

  add(row: TransferRow): void {
    this.#endUs = Math.max(this.#endUs, row.ended_us);
    while (this.#endUs > this.#stretchUs * maxStretches) this.#double();
    this.#spread(row, this.#kind(kindOf(row)));
    const { source, target } = row;
    const isNetwork = typeof source === 'number' && typeof target === 'number';
    if (typeof source === 'number') {
      this.#spread(row, this.#link(source, isNetwork ? 'to instances' : 'to host'));
    }
    if (typeof target === 'number') {
      this.#spread(row, this.#link(target, isNetwork ? 'from instances' : 'from host'));
    }
  }

  finish(): Traffic {
    return {
      stretchUs: this.#stretchUs,
      numStretches: Math.ceil(this.#endUs / this.#stretchUs),
      byKind: this.#byKind,
      byLink: [...this.#byLink.values()].toSorted((a, b) => rank(a) - rank(b)),
    };
  }

  /** The bytes of a transfer evenly over the time that it took. */
  #spread({ started_us: startUs, ended_us: endUs, bytes }: TransferRow, into: Float64Array): void {
    const first = Math.min(maxStretches - 1, Math.floor(startUs / this.#stretchUs));
    if (endUs <= (first + 1) * this.#stretchUs) {
      into[first] = (into[first] ?? 0) + bytes;
      return;
    }
    const bytesPerUs = bytes / (endUs - startUs);
    for (let index = first; index * this.#stretchUs < endUs; index += 1) {
      const from = Math.max(startUs, index * this.#stretchUs);
      const to = Math.min(endUs, (index + 1) * this.#stretchUs);
      into[index] = (into[index] ?? 0) + (to - from) * bytesPerUs;
    }
  }

  #double(): void {
    this.#stretchUs *= 2;
    const links = [...this.#byLink.values()].map(({ bytes }) => bytes);
    for (const bytes of [...this.#byKind.values(), ...links]) {
      const halved = addedUp(bytes, 2);
      bytes.fill(0);
      bytes.set(halved);
    }
  }

  #kind(kind: TrafficKind): Float64Array {
    const bytes = this.#byKind.get(kind) ?? new Float64Array(maxStretches);
    this.#byKind.set(kind, bytes);
    return bytes;
  }

  #link(instance: number, direction: Direction): Float64Array {
    const key = `${instance} ${direction}`;
    const link = this.#byLink.get(key) ?? { instance, direction, bytes: new Float64Array(maxStretches) };
    this.#byLink.set(key, link);
    return link.bytes;
  }
}

/** Order of links: by instance, then by direction. */
function rank({ instance, direction }: LinkTraffic): number {
  return instance * directions.length + directions.indexOf(direction);
}

/** Each `size` neighbours as one. */
export function addedUp(bytes: Float64Array, size: number): Float64Array {
  const sums = new Float64Array(Math.ceil(bytes.length / size));
  for (const [index, value] of bytes.entries()) {
    const target = Math.floor(index / size);
    sums[target] = (sums[target] ?? 0) + value;
  }
  return sums;
}

function kindOf({ kind }: TransferRow): TrafficKind {
  return kind === 'swap-in' || kind === 'swap-out' ? 'swap' : kind;
}
