import type { ChunkCost } from './cost-model.ts';

/** Consecutive tokens of one request in a micro-batch: `numTokens` after `pastTokens` earlier ones. */
export interface Chunk {
  readonly requestId: number;
  readonly pastTokens: number;
  readonly numTokens: number;
}

/**
 * KunServe's lookahead batching (section 4.3): halves the queued work by cost, and the halves again, cutting requests
 * into chunks where a half ends inside one. Attention makes later chunks dearer, so that micro-batches of equal cost have
 * unequal numbers of tokens. Ends where a half would have fewer than `minTokens`, so no micro-batch is smaller unless the
 * whole is; the paper ends at a batch of that size. Tokens of a request keep their order. One micro-batch after the other,
 * so that who wants the first of a deep queue does not pay for all.
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

/** What the chunks cost together, less what every micro-batch costs however little it has to do. */
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

/** After how many tokens, not necessarily whole ones, half of the cost is reached. */
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

/** How many tokens of the chunk cost so much: a * c^2 / 2 + b * c = cost, solved for c without cancellation. */
function tokensFor(costLeft: number, { pastTokens, numTokens }: Chunk, cost: ChunkCost): number {
  const a = cost.perAttentionPair;
  const b = a * (pastTokens + 0.5) + cost.perToken;
  const rest = Math.max(0, costLeft - cost.perChunk);
  return Math.min(numTokens, (2 * rest) / (b + Math.sqrt(b * b + 2 * a * rest)));
}

/** The first `numTokens` tokens and the others. */
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
