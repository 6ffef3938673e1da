import { describe, expect, it } from 'vitest';
import { asRequestId } from '../../harness/domain/ids.ts';
import { type Chunk, costOf, formByCost } from '../../policies/kunserve/lookahead.ts';
import * as fc from '../fast-check.ts';

const batch = fc
  .array(fc.record({ pastTokens: fc.nat({ max: 4000 }), numTokens: fc.integer({ min: 1, max: 1000 }) }), {
    minLength: 1,
    maxLength: 15,
  })
  .map((chunks) =>
    chunks.map((chunk, requestId): Chunk => ({ requestId: asRequestId(requestId), ...chunk })),
  );

const anyCost = fc.record({
  perAttentionPair: fc.double({ min: 0, max: 1, noNaN: true }),
  perToken: fc.double({ min: 0.001, max: 10, noNaN: true }),
  perChunk: fc.double({ min: 0, max: 100, noNaN: true }),
});

const tokensIn = (chunks: readonly Chunk[]) => chunks.reduce((sum, { numTokens }) => sum + numTokens, 0);

describe('lookahead batching', () => {
  it('hands out every token once, in order, in micro-batches of at least the smallest size', () => {
    fc.assert(
      fc.property(batch, anyCost, fc.integer({ min: 20, max: 600 }), (chunks, cost, minTokens) => {
        const microBatches = [...formByCost(chunks, cost, minTokens)];
        const least = Math.min(minTokens, tokensIn(chunks));
        for (const each of microBatches) {
          expect(tokensIn(each)).toBeGreaterThanOrEqual(least);
          for (const { numTokens } of each) expect(Number.isInteger(numTokens) && numTokens >= 1).toBe(true);
        }
        const next = new Map(chunks.map(({ requestId, pastTokens }) => [requestId, pastTokens]));
        for (const { requestId, pastTokens, numTokens } of microBatches.flat()) {
          expect(pastTokens).toBe(next.get(requestId));
          next.set(requestId, pastTokens + numTokens);
        }
        const ends = chunks.map(({ requestId, pastTokens, numTokens }) => [
          requestId,
          pastTokens + numTokens,
        ]);
        expect([...next]).toEqual(ends);
      }),
    );
  });

  it('halves by cost: the first cut leaves the same on both sides, to a token', () => {
    fc.assert(
      fc.property(batch, anyCost, (chunks, anyChunkCost) => {
        const cost = { ...anyChunkCost, perChunk: 0 };
        const numTokens = tokensIn(chunks);
        const minTokens = Math.floor(numTokens / 3) + 1;
        const [head = [], tail = []] = [...formByCost(chunks, cost, minTokens)];
        if (tail.length === 0) return;
        // Where the smallest size decides, the halves cannot be equal.
        if (tokensIn(head) === minTokens || tokensIn(tail) === minTokens) return;
        const dearestToken = cost.perAttentionPair * 5000 + cost.perToken;
        expect(Math.abs(costOf(head, cost) - costOf(tail, cost))).toBeLessThanOrEqual(2 * dearestToken);
      }),
    );
  });

  it('gives later chunks of a long request fewer tokens, as they attend to more', () => {
    const cost = { perAttentionPair: 1, perToken: 100, perChunk: 0 };
    const long = { requestId: asRequestId(0), pastTokens: 0, numTokens: 4000 };
    const [head = 0, tail = 0] = [...formByCost([long], cost, 1500)].map(tokensIn);
    expect(head).toBeGreaterThan(1.3 * tail);
    // With as many tokens before it, the tail costs what the head does.
    const [first = 0, second = 0] = [...formByCost([{ ...long, pastTokens: 1e6 }], cost, 1500)].map(tokensIn);
    expect(first / second).toBeCloseTo(1, 2);
  });

  it('leaves a batch whole that is too small to halve', () => {
    const chunks = [{ requestId: asRequestId(0), pastTokens: 0, numTokens: 511 }];
    expect([...formByCost(chunks, { perAttentionPair: 0, perToken: 1, perChunk: 0 }, 256)]).toEqual([chunks]);
  });
});
