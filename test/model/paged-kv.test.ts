import { describe, expect, it } from 'vitest';
import { kvCellBytes } from '../../harness/domain/model-shape.ts';
import { PagedKv } from '../../harness/model/paged-kv.ts';
import * as fc from '../fast-check.ts';
import { ops, tinyShape } from './support.ts';

const shape = { numKvHeads: tinyShape.numKvHeads, headDim: tinyShape.headDim, blockSizeTokens: 4 };

function filled(elements: number, value: number): Float32Array {
  return new Float32Array(elements).fill(value);
}

/** Marks every cell of the request with its own number, so that moved content can be recognised. */
function mark(kv: PagedKv, requestId: number, layer: number): void {
  const cells = kv.table(requestId, layer);
  for (const [block, cell] of cells.entries()) {
    kv.writeCells([cell], filled(kv.cellElements, requestId * 1000 + layer * 100 + block));
  }
}

function marksOf(kv: PagedKv, requestId: number, layer: number): number[] {
  return kv.table(requestId, layer).map((cell) => {
    const values = new Set(kv.readCells([cell]));
    expect(values.size).toBe(1);
    return [...values][0]!;
  });
}

describe('PagedKv', () => {
  it('holds cells of the size that the ledger counts with', () => {
    const kv = new PagedKv(ops, shape, 3);
    expect(kv.cellElements * 4).toBe(kvCellBytes(tinyShape, shape.blockSizeTokens));
    kv.dispose();
  });

  it('writes a token where the slab lies instead of copying it', () => {
    const kv = new PagedKv(ops, shape, 6);
    kv.writeCells([5], filled(kv.cellElements, 7));
    // A handle from before the write sees it, so both name one memory.
    const { headBlocks } = kv;
    const blockElements = shape.blockSizeTokens * shape.headDim;
    const rows = ops.tensor(Int32Array.of(5 * shape.blockSizeTokens + 2), [1]);
    const values = ops.tensor(filled(shape.headDim, 3), [1, shape.headDim]);
    kv.writeRows(rows, values);
    const firstHead = ops.read(headBlocks).subarray(0, 6 * blockElements);
    const expected = new Float32Array(6 * blockElements);
    expected
      .fill(7, 5 * blockElements)
      .fill(3, 5 * blockElements + 2 * shape.headDim, 5 * blockElements + 3 * shape.headDim);
    expect(firstHead).toEqual(expected);
    ops.free(rows, values);
    kv.dispose();
  });

  it('takes a cell per block and layer, and only what is missing', () => {
    const kv = new PagedKv(ops, shape, 20);
    kv.reserve(1, { first: 2, count: 2 }, 5);
    expect(kv.usedCells).toBe(4);
    kv.reserve(1, { first: 2, count: 2 }, 8);
    expect(kv.usedCells).toBe(4);
    kv.reserve(1, { first: 3, count: 1 }, 9);
    expect(kv.usedCells).toBe(5);
    kv.release(1, { first: 2, count: 1 });
    expect(kv.usedCells).toBe(3);
    expect(() => kv.table(1, 2)).toThrow('request 1, layer 2');
    kv.releaseAll(1);
    expect(kv.usedCells).toBe(0);
    kv.dispose();
  });

  it('refuses to shrink below what is in use', () => {
    const kv = new PagedKv(ops, shape, 8);
    kv.reserve(0, { first: 0, count: 1 }, 20);
    expect(() => kv.resize(4)).toThrow('5 cells are in use');
    kv.dispose();
  });

  it('keeps every table and every cell through any order of reserve, release and resize', () => {
    const action = fc.oneof(
      fc.record({
        kind: fc.constant('reserve' as const),
        request: fc.nat(4),
        tokens: fc.integer({ min: 1, max: 30 }),
      }),
      fc.record({ kind: fc.constant('release' as const), request: fc.nat(4), tokens: fc.constant(0) }),
      fc.record({
        kind: fc.constant('resize' as const),
        request: fc.nat(0),
        tokens: fc.integer({ min: 0, max: 40 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
        const kv = new PagedKv(ops, shape, 40);
        const layers = { first: 0, count: 2 };
        const held = new Map<number, number>();
        for (const { kind, request, tokens } of actions) {
          if (kind === 'reserve') {
            const blocks = Math.max(held.get(request) ?? 0, Math.ceil(tokens / shape.blockSizeTokens));
            if (kv.usedCells + 2 * (blocks - (held.get(request) ?? 0)) > kv.totalCells) continue;
            kv.reserve(request, layers, tokens);
            held.set(request, blocks);
            mark(kv, request, 0);
            mark(kv, request, 1);
          } else if (kind === 'release') {
            kv.release(request, layers);
            held.delete(request);
          } else {
            kv.resize(kv.usedCells + tokens + 1);
          }
          const cells = [...held.keys()].flatMap((id) => [...kv.table(id, 0), ...kv.table(id, 1)]);
          expect(new Set(cells).size).toBe(cells.length);
          expect(kv.usedCells).toBe(cells.length);
          expect(cells.every((cell) => cell < kv.totalCells)).toBe(true);
        }
        for (const [id, blocks] of held) {
          for (const layer of [0, 1]) {
            const marks = Array.from({ length: blocks }, (_, block) => id * 1000 + layer * 100 + block);
            expect(marksOf(kv, id, layer)).toEqual(marks);
          }
        }
        kv.dispose();
      }),
      { numRuns: 60 },
    );
  });
});
