import type { RequestId } from '../../harness/policy/index.ts';
import type { ChunkCost } from './cost-model.ts';

/**
 * Consecutive tokens of one request in a micro-batch: `numTokens` tokens that follow `pastTokens` earlier
 * ones.
 */
export interface Chunk {
  readonly requestId: RequestId;
  readonly pastTokens: number;
  readonly numTokens: number;
}

/**
 * KunServe's lookahead batching (section 4.3): divides the queued work recursively into halves of equal cost,
 * splitting a request into chunks where a boundary falls inside it. Attention makes later chunks more
 * expensive, so micro-batches of equal cost differ in tokens. The recursion stops before a half would have
 * fewer than `minTokens` tokens, so only a queue smaller than that gives a smaller micro-batch; the paper
 * stops at batches of that size. The order of tokens is kept. Micro-batches are generated one at a time, so
 * that a caller that needs only the first ones of a deep queue does not pay for the rest.
 */
export function* formByCost(
  chunks: readonly Chunk[],
  cost: ChunkCost,
  minTokens: number,
): Generator<readonly Chunk[], void> {
  const numTokens = tokensOf(chunks);
  if (numTokens < 2 * minTokens) {
    yield chunks;
    return;
  }
  const middle = Math.round(tokensOfHalf(chunks, cost));
  const [head, tail] = cutAt(chunks, Math.min(Math.max(middle, minTokens), numTokens - minTokens));
  yield* formByCost(head, cost, minTokens);
  yield* formByCost(tail, cost, minTokens);
}

/** Returns the cost of the chunks together, without the fixed cost of a micro-batch. */
export function costOf(chunks: readonly Chunk[], cost: ChunkCost): number {
  let sum = 0;
  for (const chunk of chunks) sum += costOfChunk(chunk, cost);
  return sum;
}

function costOfChunk({ pastTokens, numTokens }: Chunk, cost: ChunkCost): number {
  const pairs = pastTokens * numTokens + (numTokens * (numTokens + 1)) / 2;
  return cost.perAttentionPair * pairs + cost.perToken * numTokens + cost.perChunk;
}

export function tokensOf(chunks: readonly Chunk[]): number {
  let sum = 0;
  for (const { numTokens } of chunks) sum += numTokens;
  return sum;
}

/** Returns the number of tokens, possibly fractional, after which half of the cost is reached. */
function tokensOfHalf(chunks: readonly Chunk[], cost: ChunkCost): number {
  let costLeft = costOf(chunks, cost) / 2;
  let numTokens = 0;
  for (const chunk of chunks) {
    const chunkCost = costOfChunk(chunk, cost);
    if (chunkCost >= costLeft) return numTokens + tokensFor(costLeft, chunk, cost);
    costLeft -= chunkCost;
    numTokens += chunk.numTokens;
  }
  return numTokens;
}

/**
 * Returns how many tokens of the chunk cost `costLeft`: solves a * c^2 / 2 + b * c = cost for c in a form
 * without cancellation.
 */
function tokensFor(costLeft: number, { pastTokens, numTokens }: Chunk, cost: ChunkCost): number {
  const a = cost.perAttentionPair;
  const b = a * (pastTokens + 0.5) + cost.perToken;
  const rest = Math.max(0, costLeft - cost.perChunk);
  return Math.min(numTokens, (2 * rest) / (b + Math.sqrt(b * b + 2 * a * rest)));
}

/** Splits the chunks into the first `numTokens` tokens and the rest. */
export function cutAt(chunks: readonly Chunk[], numTokens: number): readonly [Chunk[], Chunk[]] {
  const head: Chunk[] = [];
  const tail: Chunk[] = [];
  let left = numTokens;
  for (const chunk of chunks) {
    const numHead = Math.min(left, chunk.numTokens);
    left -= numHead;
    if (numHead > 0) head.push({ ...chunk, numTokens: numHead });
    if (numHead === chunk.numTokens) continue;
    const { requestId, pastTokens } = chunk;
    tail.push({ requestId, pastTokens: pastTokens + numHead, numTokens: chunk.numTokens - numHead });
  }
  return [head, tail];
}
