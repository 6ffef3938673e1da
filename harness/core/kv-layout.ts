import type { Instance } from './instance.ts';
import type { LayerRange } from './model-shape.ts';

/** The layers of one member: a block of tokens costs one cell per layer there. */
export interface LayoutPart {
  readonly instance: Instance;
  readonly layers: LayerRange;
}

/**
 * Where KV of a group's requests lies: parts that together hold every layer once. Blocks are counted for the group as a
 * whole, since a block must exist on every member (never per instance: that would count it several times).
 */
export class KvLayout {
  readonly parts: readonly LayoutPart[];

  constructor(parts: readonly LayoutPart[]) {
    this.parts = parts;
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
}
