import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { assert, must } from '../base/assert.ts';
import type { LayerRange } from '../domain/model-shape.ts';
import type { TensorOps } from './tensor-ops.ts';

export interface KvCellShape {
  readonly numKvHeads: number;
  readonly blockSizeTokens: number;
  readonly headDim: number;
}

/** The KV slab in the three shapes in which it is read and written. All three share the same memory. */
interface Slab {
  /** `[2 * numKvHeads * cells, blockSizeTokens * headDim]`: the shape for copying. */
  readonly flatBlocks: DeviceTensor;
  /** `[2 * numKvHeads * cells, blockSizeTokens, headDim]`: the shape that attention gathers from. */
  readonly headBlocks: DeviceTensor;
  /** `[2 * numKvHeads * cells * blockSizeTokens, headDim]`: the shape for writing single tokens. */
  readonly rows: DeviceTensor;
}

/**
 * KV memory of one instance: a slab divided into cells, and a list of the free ones. A cell holds K and V of
 * one layer for one block of tokens, in `2 * numKvHeads` head blocks. The slab is ordered by head first:
 * blocks that were taken together, such as those of a prompt, are then contiguous for each head, which is
 * read 1.5 times as fast as single blocks. Block tables record which cells hold each layer of a request.
 */
export class PagedKv {
  readonly shape: KvCellShape;
  readonly #ops: TensorOps;
  #slab: Slab;
  #numCells: number;
  #freeCells: number[];
  /** Cells of all blocks in order, by request id, then by layer. */
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

  /** Number of cells, read from the shape of the tensor. */
  get totalCells(): number {
    return (this.#slab.headBlocks.shape[0] ?? 0) / this.#blocksPerCell;
  }

  /** Number of cells in all block tables. */
  get usedCells(): number {
    let cells = 0;
    for (const byLayer of this.#tables.values()) for (const table of byLayer.values()) cells += table.length;
    return cells;
  }

  /**
   * Head blocks: K of head `h` of cell `c` is at `h * totalCells + c`, its V at `(numKvHeads + h) *
   * totalCells + c`.
   */
  get headBlocks(): DeviceTensor {
    return this.#slab.headBlocks;
  }

  /**
   * Takes free cells until the given layers of the request have room for `numTokens`. Throws `InvariantError`
   * if there are too few.
   */
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

  /** Frees the cells of these layers. Layers without cells are ignored. */
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

  /**
   * Returns the block table of one layer: entry `i` is the cell of block `i`. Throws `InvariantError` if
   * there is none.
   */
  table(requestId: number, layer: number): readonly number[] {
    const table = this.#tables.get(requestId)?.get(layer);
    return must(table, `block table of request ${requestId}, layer ${layer}`);
  }

  /** Writes K and V of new tokens, `[rows, headDim]`, to the rows `headBlock * blockSizeTokens + slot`. */
  writeRows(rows: DeviceTensor, keysAndValues: DeviceTensor): void {
    this.#ops.writeRows(this.#slab.rows, rows, keysAndValues);
  }

  /** Copies cells to host memory, cell after cell. */
  readCells(cells: readonly number[]): Float32Array {
    const indices = this.#blocksOf(cells);
    const gathered = this.#ops.freeing(this.#ops.gather(this.#slab.flatBlocks, indices), indices);
    const pages = this.#ops.read(gathered) as Float32Array;
    this.#ops.free(gathered);
    return pages;
  }

  /** Overwrites cells with the result of `readCells`, from this or another instance. */
  writeCells(cells: readonly number[], pages: Float32Array): void {
    const indices = this.#blocksOf(cells);
    const numBlocks = cells.length * this.#blocksPerCell;
    const values = this.#ops.tensor(pages, [numBlocks, pages.length / numBlocks]);
    this.#ops.writeRows(this.#slab.flatBlocks, indices, values);
    this.#ops.free(indices, values);
  }

  /** Copies cells from another instance with the same cell shape, without going through host memory. */
  copyCells(source: PagedKv, from: readonly number[], to: readonly number[]): void {
    const fromIndices = source.#blocksOf(from);
    const toIndices = this.#blocksOf(to);
    const moved = this.#ops.gather(source.#slab.flatBlocks, fromIndices);
    this.#ops.writeRows(this.#slab.flatBlocks, toIndices, moved);
    this.#ops.free(fromIndices, toIndices, moved);
  }

  /**
   * Grows or shrinks the slab with one copy. Cells in use keep their content: those beyond the end of a
   * smaller slab move to free cells, and their block tables are updated. Throws `InvariantError` if the cells
   * in use do not fit.
   */
  resize(numCells: number): void {
    if (numCells === this.#numCells) return;
    assert(
      this.usedCells <= numCells,
      'INV-cells-fit',
      () => `${this.usedCells} cells are in use, the slab shrinks to ${numCells}`,
    );
    const origins = this.#relocate(numCells);
    const blocks = new Int32Array(numCells * this.#blocksPerCell);
    for (let block = 0; block < blocks.length; block += 1) {
      blocks[block] = Math.floor(block / numCells) * this.#numCells + (origins[block % numCells] as number);
    }
    const indices = this.#ops.tensor(blocks, [blocks.length]);
    const moved = this.#viewsOf(this.#ops.freeing(this.#ops.gather(this.#slab.flatBlocks, indices), indices));
    this.#freeSlab(this.#slab);
    this.#slab = moved;
    this.#numCells = numCells;
  }

  /**
   * Moves cells that lie beyond the new end to free ones. Returns, for each new cell, the old cell whose
   * content it takes.
   */
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
    return must(this.#freeCells.pop(), `a free KV cell for request ${requestId} among ${this.#numCells}`);
  }

  #emptySlab(numCells: number): Slab {
    const { blockSizeTokens, headDim } = this.shape;
    return this.#viewsOf(this.#ops.constant(0, [numCells * this.#blocksPerCell, blockSizeTokens * headDim]));
  }

  #viewsOf(flatBlocks: DeviceTensor): Slab {
    const { blockSizeTokens, headDim } = this.shape;
    const [numBlocks = 0] = flatBlocks.shape;
    return {
      flatBlocks,
      headBlocks: this.#ops.reshape(flatBlocks, [numBlocks, blockSizeTokens, headDim]),
      rows: this.#ops.reshape(flatBlocks, [numBlocks * blockSizeTokens, headDim]),
    };
  }

  /** Returns the indices of the head blocks of some cells, cell after cell. */
  #blocksOf(cells: readonly number[]): DeviceTensor {
    const blocksPerCell = this.#blocksPerCell;
    const blocks = new Int32Array(cells.length * blocksPerCell);
    for (let index = 0; index < blocks.length; index += 1) {
      const cell = cells[Math.floor(index / blocksPerCell)] as number;
      blocks[index] = (index % blocksPerCell) * this.#numCells + cell;
    }
    return this.#ops.tensor(blocks, [blocks.length]);
  }

  #freeSlab(slab: Slab): void {
    this.#ops.free(slab.flatBlocks, slab.headBlocks, slab.rows);
  }

  /** Number of elements of K and V in one cell. */
  get cellElements(): number {
    return this.#blocksPerCell * this.shape.blockSizeTokens * this.shape.headDim;
  }

  get #blocksPerCell(): number {
    return 2 * this.shape.numKvHeads;
  }
}

/** Returns the free cells as a stack with cell 0 on top, so that low cells are used first. */
function descending(numCells: number): number[] {
  return Array.from({ length: numCells }, (_, index) => numCells - 1 - index);
}
