import { assert } from '../../base/assert.ts';

/**
 * Memory of one device: `budget = weights + weights on their way + KV cells x cell bytes + reserve + slack`, where the
 * slack is what is left of the last cell. What is freed of one kind becomes KV cells at once.
 */
export class MemoryLedger {
  readonly cellBytes: number;
  readonly reserveBytes: number;
  #budgetBytes: number;
  #weightBytes: number;
  #loadingBytes = 0;
  #totalCells: number;
  #usedCells = 0;

  constructor(memory: { budgetBytes: number; weightBytes: number; reserveBytes: number; cellBytes: number }) {
    this.#budgetBytes = memory.budgetBytes;
    this.#weightBytes = memory.weightBytes;
    this.reserveBytes = memory.reserveBytes;
    this.cellBytes = memory.cellBytes;
    this.#totalCells = this.#cellsBeside(this.#weightBytes);
  }

  get budgetBytes(): number {
    return this.#budgetBytes;
  }

  get weightBytes(): number {
    return this.#weightBytes;
  }

  /** Bytes kept free for weights that are on their way. */
  get loadingBytes(): number {
    return this.#loadingBytes;
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
    this.#fit();
  }

  /** Whether `bytes` of weights in all, those held included, fit beside the cells in use. */
  hasRoomForWeights(bytes: number): boolean {
    const isWithin = bytes + this.reserveBytes <= this.#budgetBytes;
    return isWithin && this.#usedCells <= this.#cellsBeside(bytes);
  }

  /** From now on `bytes` of weights in all are held, and none are on their way. */
  holdWeights(bytes: number): void {
    this.#weightBytes = bytes;
    this.#loadingBytes = 0;
    this.#fit();
  }

  /** Keeps memory free for `bytes` of weights in addition to those held; 0 gives it up again. */
  expectWeights(bytes: number): void {
    this.#loadingBytes = bytes;
    this.#fit();
  }

  #fit(): void {
    this.#totalCells = this.#cellsBeside(this.#weightBytes + this.#loadingBytes);
    assert(
      this.#usedCells <= this.#totalCells,
      'INV-ledger',
      () => `${this.#usedCells} cells in use do not fit ${this.#totalCells}`,
    );
  }

  #cellsBeside(weightBytes: number): number {
    const bytes = this.#budgetBytes - weightBytes - this.reserveBytes;
    return Math.max(0, Math.floor(bytes / this.cellBytes));
  }
}
