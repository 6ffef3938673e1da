import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { assert, must } from '../base/assert.ts';
import type { LayerRange } from '../core/model-shape.ts';
import type { TensorOps } from './tensor-ops.ts';

export interface KvCellShape {
  readonly numKvHeads: number;
  readonly blockSizeTokens: number;
  readonly headDim: number;
}

/** The slab under the three shapes that it is read and written by; all name the same memory. */
interface Slab {
  /** `[cells, 2 * numKvHeads * blockSizeTokens * headDim]`: what is moved. */
  readonly cells: DeviceTensor;
  /** `[cells * 2 * numKvHeads, blockSizeTokens, headDim]`: what attention gathers. */
  readonly headBlocks: DeviceTensor;
  /** `[cells * 2 * numKvHeads * blockSizeTokens, headDim]`: what one token writes. */
  readonly rows: DeviceTensor;
}

/**
 * KV memory of one instance: a slab cut into cells that a free list hands out. A cell is K and V of one layer for one
 * block of tokens: head blocks of K, then head blocks of V. Block tables say which cells hold a request's layer.
 */
export class PagedKv {
  readonly shape: KvCellShape;
  readonly #ops: TensorOps;
  #slab: Slab;
  #numCells: number;
  #freeCells: number[];
  /** By request, then by layer: cell of every block in order. */
  readonly #tables = new Map<number, Map<number, number[]>>();

  constructor(ops: TensorOps, shape: KvCellShape, numCells: number) {
    this.shape = shape;
    this.#ops = ops;
    this.#numCells = numCells;
    this.#freeCells = descending(numCells);
    this.#slab = this.#emptySlab(numCells);
  }

  dispose(): void {
    this.#freeSlab(this.#slab);
    this.#tables.clear();
    this.#freeCells = [];
    this.#numCells = 0;
  }

  /** From the tensor itself. */
  get totalCells(): number {
    return this.#slab.cells.shape[0] ?? 0;
  }

  /** Counted over the block tables. */
  get usedCells(): number {
    let cells = 0;
    for (const byLayer of this.#tables.values()) for (const table of byLayer.values()) cells += table.length;
    return cells;
  }

  /** K of head `h` of cell `c` at `c * 2 * numKvHeads + h`, V `numKvHeads` further. */
  get headBlocks(): DeviceTensor {
    return this.#slab.headBlocks;
  }

  /** Takes cells until the layers of the request have room for `numTokens`. */
  reserve(requestId: number, layers: LayerRange, numTokens: number): void {
    const numBlocks = Math.ceil(numTokens / this.shape.blockSizeTokens);
    let byLayer = this.#tables.get(requestId);
    if (byLayer === undefined) this.#tables.set(requestId, (byLayer = new Map()));
    for (let layer = layers.first; layer < layers.first + layers.count; layer += 1) {
      let table = byLayer.get(layer);
      if (table === undefined) byLayer.set(layer, (table = []));
      while (table.length < numBlocks) table.push(this.#takeCell(requestId));
    }
  }

  /** Gives back the cells of these layers; none held is fine. */
  release(requestId: number, layers: LayerRange): void {
    const byLayer = this.#tables.get(requestId);
    if (byLayer === undefined) return;
    for (let layer = layers.first; layer < layers.first + layers.count; layer += 1) {
      const table = byLayer.get(layer) ?? [];
      for (let index = table.length - 1; index >= 0; index -= 1) this.#freeCells.push(table[index] as number);
      byLayer.delete(layer);
    }
    if (byLayer.size === 0) this.#tables.delete(requestId);
  }

  releaseAll(requestId: number): void {
    for (const layer of this.#tables.get(requestId)?.keys() ?? []) {
      this.release(requestId, { first: layer, count: 1 });
    }
  }

  /** The block table itself: cell of block `i` at `[i]`. */
  table(requestId: number, layer: number): readonly number[] {
    const table = this.#tables.get(requestId)?.get(layer);
    return must(table, `block table of request ${requestId}, layer ${layer}`);
  }

  /** Writes K and V of new tokens, `[rows, headDim]`, at rows `headBlock * blockSizeTokens + slot`. */
  writeRows(rows: DeviceTensor, keysAndValues: DeviceTensor): void {
    this.#ops.writeRows(this.#slab.rows, rows, keysAndValues);
  }

  /** Copies cells to host memory, cell after cell. */
  readCells(cells: readonly number[]): Float32Array {
    const indices = this.#ops.tensor(Int32Array.from(cells), [cells.length]);
    const gathered = this.#ops.freeing(this.#ops.gather(this.#slab.cells, indices), indices);
    const pages = this.#ops.read(gathered) as Float32Array;
    this.#ops.free(gathered);
    return pages;
  }

  /** Overwrites cells with what `readCells` gave, here or on another instance. */
  writeCells(cells: readonly number[], pages: Float32Array): void {
    const indices = this.#ops.tensor(Int32Array.from(cells), [cells.length]);
    const values = this.#ops.tensor(pages, [cells.length, this.cellElements]);
    this.#ops.writeRows(this.#slab.cells, indices, values);
    this.#ops.free(indices, values);
  }

  /** Copies cells of another instance of the same cell shape without touching host memory. */
  copyCells(source: PagedKv, from: readonly number[], to: readonly number[]): void {
    const fromIndices = this.#ops.tensor(Int32Array.from(from), [from.length]);
    const toIndices = this.#ops.tensor(Int32Array.from(to), [to.length]);
    const moved = this.#ops.gather(source.#slab.cells, fromIndices);
    this.#ops.writeRows(this.#slab.cells, toIndices, moved);
    this.#ops.free(fromIndices, toIndices, moved);
  }

  /**
   * Grows or shrinks the slab, with one copy. Cells in use keep what they hold; those beyond a smaller slab move to
   * free cells below its end, and their block tables follow.
   */
  resize(numCells: number): void {
    if (numCells === this.#numCells) return;
    assert(
      this.usedCells <= numCells,
      'INV-cells-fit',
      () => `${this.usedCells} cells are in use, the slab shrinks to ${numCells}`,
    );
    const origins = this.#relocate(numCells);
    const indices = this.#ops.tensor(origins, [numCells]);
    const moved = this.#viewsOf(this.#ops.freeing(this.#ops.gather(this.#slab.cells, indices), indices));
    this.#freeSlab(this.#slab);
    this.#slab = moved;
    this.#numCells = numCells;
  }

  /** Renumbers cells that lie beyond the new end; returns for every new cell the old one whose content it takes. */
  #relocate(numCells: number): Int32Array {
    const origins = Int32Array.from({ length: numCells }, (_, cell) => Math.min(cell, this.#numCells - 1));
    const free = this.#freeCells.filter((cell) => cell < numCells);
    for (let cell = numCells - 1; cell >= this.#numCells; cell -= 1) free.unshift(cell);
    for (const byLayer of this.#tables.values()) {
      for (const table of byLayer.values()) {
        for (let index = 0; index < table.length; index += 1) {
          const cell = table[index] as number;
          if (cell < numCells) continue;
          const target = must(free.pop(), 'a free cell');
          origins[target] = cell;
          table[index] = target;
        }
      }
    }
    this.#freeCells = free;
    return origins;
  }

  #takeCell(requestId: number): number {
    return must(
      this.#freeCells.pop(),
      `a free KV cell for request ${requestId} (all ${this.#numCells} are in use)`,
    );
  }

  #emptySlab(numCells: number): Slab {
    return this.#viewsOf(this.#ops.constant(0, [numCells, this.cellElements]));
  }

  #viewsOf(cells: DeviceTensor): Slab {
    const { numKvHeads, blockSizeTokens, headDim } = this.shape;
    const headBlocks = (cells.shape[0] ?? 0) * 2 * numKvHeads;
    return {
      cells,
      headBlocks: this.#ops.reshape(cells, [headBlocks, blockSizeTokens, headDim]),
      rows: this.#ops.reshape(cells, [headBlocks * blockSizeTokens, headDim]),
    };
  }

  #freeSlab(slab: Slab): void {
    this.#ops.free(slab.cells, slab.headBlocks, slab.rows);
  }

  /** Elements of K and V in one cell. */
  get cellElements(): number {
    return 2 * this.shape.numKvHeads * this.shape.blockSizeTokens * this.shape.headDim;
  }
}

/** A stack of free cells whose top is 0: low cells are used first. */
function descending(numCells: number): number[] {
  return Array.from({ length: numCells }, (_, index) => numCells - 1 - index);
}
