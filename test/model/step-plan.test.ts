import { describe, expect, it } from 'vitest';
import { PagedKv } from '../../harness/model/paged-kv.ts';
import { type BatchEntry, firstRows, rangesOfOneSlab, StepPlan } from '../../harness/model/step-plan.ts';
import * as fc from '../fast-check.ts';
import { backend, ops } from './support.ts';

const blockSizeTokens = 4;
const kv = new PagedKv(ops, { numKvHeads: 2, headDim: 8, blockSizeTokens }, 8);
/** Rows of 16 elements of K and V each: this many tokens of padding buy a group. */
const maxPaddingTokens = (512 * 1024) / (2 * 4 * 16);

function groupsOf(batch: readonly BatchEntry[]) {
  const plan = new StepPlan(ops, batch, { kv, layer: 0 });
  const groups = plan.groups.map((group) => ({ ...group, allowed: countAllowed(ops.read(group.mask)) }));
  plan.dispose();
  return groups;
}

function countAllowed(mask: ArrayLike<number>): number {
  return Array.from(mask).filter((value) => value === 0).length;
}

describe('StepPlan', () => {
  it('groups sequences of like length and keeps prefill chunks apart', () => {
    const batch = [5, 5000, 9, 5020].map((pastTokens, requestId) => ({
      requestId,
      numTokens: 1,
      pastTokens,
    }));
    const groups = groupsOf([...batch, { requestId: 4, numTokens: 7, pastTokens: 0 }]);
    const requests = groups.map(({ pieces }) => pieces.map(({ requestId }) => requestId));
    expect(requests).toEqual([[4], [3, 1], [2, 0]]);
    expect(groups.map(({ numBlocks }) => numBlocks)).toEqual([2, 1256, 3]);
  });

  it('lays every new token out once, attending to exactly what precedes it', () => {
    const entry = fc.record({ numTokens: fc.integer({ min: 1, max: 600 }), pastTokens: fc.nat(300) });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 6 }), (entries) => {
        const batch = entries.map((given, requestId) => ({ ...given, requestId }));
        const starts = firstRows(batch);
        const next = batch.map(({ pastTokens }) => pastTokens);
        let row = 0;
        for (const { firstRow, pieces, numTokens, numBlocks, allowed } of groupsOf(batch)) {
          expect(firstRow).toBe(row);
          let pairs = 0;
          let padding = 0;
          for (const piece of pieces) {
            const { pastTokens } = batch[piece.requestId]!;
            expect(piece).toEqual({
              requestId: piece.requestId,
              numTokens,
              pastTokens: next[piece.requestId],
            });
            expect(row - starts[piece.requestId]!).toBe(piece.pastTokens - pastTokens);
            next[piece.requestId]! += numTokens;
            row += numTokens;
            pairs += numTokens * piece.pastTokens + (numTokens * (numTokens + 1)) / 2;
            padding += numTokens * (Math.max(...pieces.map((other) => other.pastTokens)) - piece.pastTokens);
            expect(numBlocks * blockSizeTokens).toBeGreaterThanOrEqual(piece.pastTokens + numTokens);
          }
          expect(allowed).toBe(pairs);
          expect(padding).toBeLessThanOrEqual(maxPaddingTokens);
        }
        expect(next).toEqual(batch.map(({ pastTokens, numTokens }) => pastTokens + numTokens));
      }),
      { numRuns: 25 },
    );
  });

  it('lays entries out by where their KV is, so that each slab is one run of each kind', () => {
    const { shape } = kv;
    const [first, second] = [new PagedKv(ops, shape, 8), new PagedKv(ops, shape, 8)];
    const placed = [
      undefined,
      [
        { kv: first, layers: { first: 0, count: 2 } },
        { kv: second, layers: { first: 2, count: 2 } },
      ],
      [{ kv: first, layers: { first: 0, count: 4 } }],
    ];
    const batch = Array.from({ length: 12 }, (_, requestId) => ({
      requestId,
      numTokens: requestId < 6 ? 1 : 3,
      pastTokens: requestId,
      placedKv: placed[requestId % 3],
    }));
    const runsOf = (layer: number) => {
      const plan = new StepPlan(ops, batch, { kv, layer });
      const runs = plan.slabs.map((run) => [
        run.kv,
        run.firstRow,
        run.entries.map((entry) => entry.requestId),
      ]);
      expect(plan.groups.map((group) => [group.kv, group.firstRow])).toEqual(
        runs.map((run) => run.slice(0, 2)),
      );
      plan.dispose();
      return runs;
    };
    expect(rangesOfOneSlab(batch, { first: 1, count: 3 })).toEqual([
      { first: 1, count: 1 },
      { first: 2, count: 2 },
    ]);
    expect(runsOf(1)).toEqual([
      [kv, 0, [9, 6]],
      [first, 6, [10, 7, 11, 8]],
      [kv, 18, [3, 0]],
      [first, 20, [4, 1, 5, 2]],
    ]);
    expect(runsOf(2)).toEqual([
      [kv, 0, [9, 6]],
      [second, 6, [10, 7]],
      [first, 12, [11, 8]],
      [kv, 18, [3, 0]],
      [second, 20, [4, 1]],
      [first, 22, [5, 2]],
    ]);
    for (const slab of [first, second]) slab.dispose();
  });

  it('gives back its tensors', () => {
    const before = backend.numTensors();
    groupsOf([{ requestId: 0, numTokens: 300, pastTokens: 3 }]);
    expect(backend.numTensors()).toBe(before);
  });
});
