import type { KvPlacement } from '../executor.ts';
import type { Instance } from './instance.ts';
import type { LayerRange } from '../../domain/model-shape.ts';

/** The layers of one member: a block of tokens costs one cell per layer there. */
export interface LayoutPart {
  readonly instance: Instance;
  readonly layers: LayerRange;
}

/** Layers whose KV lies on `from` in one layout and on `to` in another; the same instance where nothing moves. */
export interface LayoutMove {
  readonly from: Instance;
  readonly to: Instance;
  readonly layers: LayerRange;
}

/**
 * Where KV of requests lies: parts that together hold every layer once, in order. Blocks are counted for the layout as a
 * whole, since a block must exist on every member (never per instance: that would count it several times).
 */
export class KvLayout {
  readonly parts: readonly LayoutPart[];
  /** The parts as the executor reads them, with ids in place of instances. */
  readonly placement: KvPlacement;

  constructor(parts: readonly LayoutPart[]) {
    this.parts = parts;
    this.placement = parts.map(({ instance, layers }) => ({ instanceId: instance.id, layers }));
  }

  get totalBlocks(): number {
    let blocks = Infinity;
    for (const part of this.parts) {
      blocks = Math.min(blocks, Math.floor(part.instance.ledger.totalCells / part.layers.count));
    }
    return blocks;
  }

  get freeBlocks(): number {
    let blocks = Infinity;
    for (const part of this.parts) {
      blocks = Math.min(blocks, Math.floor(part.instance.ledger.freeCells / part.layers.count));
    }
    return blocks;
  }

  take(numBlocks: number): void {
    for (const part of this.parts) part.instance.ledger.take(numBlocks * part.layers.count);
  }

  giveBack(numBlocks: number): void {
    for (const part of this.parts) part.instance.ledger.giveBack(numBlocks * part.layers.count);
  }

  includes(instance: Instance): boolean {
    return this.parts.some((part) => part.instance === instance);
  }

  /** Whether KV lies in the same places in both. Parts are contiguous from layer 0, so equal counts give equal ranges. */
  matches(other: KvLayout): boolean {
    return (
      this === other ||
      (this.parts.length === other.parts.length &&
        this.parts.every(({ instance, layers }, index) => {
          const part = other.parts[index];
          return part?.instance === instance && part.layers.count === layers.count;
        }))
    );
  }

  /** Returns where every layer is here and where it is in `target`, in stretches; layers that stay are listed too, with `from` and `to` the same. */
  movesTo(target: KvLayout): LayoutMove[] {
    const moves: LayoutMove[] = [];
    for (const { instance: from, layers: source } of this.parts) {
      for (const { instance: to, layers: wanted } of target.parts) {
        const first = Math.max(source.first, wanted.first);
        const end = Math.min(source.first + source.count, wanted.first + wanted.count);
        if (first < end) moves.push({ from, to, layers: { first, count: end - first } });
      }
    }
    return moves;
  }
}
