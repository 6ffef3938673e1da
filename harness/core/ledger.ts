import { assert } from '../base/assert.ts';

/**
 * Memory of one device: `budget = resident weights + layers + KV cells x cell bytes + reserve + slack`, where the slack
 * is what is left of the last cell. What is freed of one kind becomes KV cells at once.
 */
export class MemoryLedger {
  readonly cellBytes: number;
  readonly reserveBytes: number;
  #budgetBytes: number;
  #weightBytes: number;
  #totalCells: number;
  #usedCells = 0;

  constructor(memory: { budgetBytes: number; weightBytes: number; reserveBytes: number; cellBytes: number }) {
    this.#budgetBytes = memory.budgetBytes;
    this.#weightBytes = memory.weightBytes;
    this.reserveBytes = memory.reserveBytes;
    this.cellBytes = memory.cellBytes;
    this.#totalCells = this.#cellsThatFit();
  }

  get budgetBytes(): number {
    return this.#budgetBytes;
  }

  get weightBytes(): number {
    return this.#weightBytes;
  }

  get totalCells(): number {
    return this.#totalCells;
  }

  get usedCells(): number {
    return this.#usedCells;
  }

  get freeCells(): number {
    return this.#totalCells - this.#usedCells;
  }

  take(numCells: number): void {
    this.#usedCells += numCells;
    assert(
      this.#usedCells <= this.#totalCells,
      'INV-ledger',
      () => `${this.#usedCells} of ${this.#totalCells} cells`,
    );
  }

  giveBack(numCells: number): void {
    this.#usedCells -= numCells;
    assert(this.#usedCells >= 0, 'INV-ledger', () => `${this.#usedCells} cells in use after a release`);
  }

  /** Only for the unlimited-memory bound: the budget grows by so many cells. */
  grow(numCells: number): void {
    this.#budgetBytes += numCells * this.cellBytes;
    this.#totalCells = this.#cellsThatFit();
  }

  #cellsThatFit(): number {
    const bytes = this.#budgetBytes - this.#weightBytes - this.reserveBytes;
    return Math.max(0, Math.floor(bytes / this.cellBytes));
  }
}
