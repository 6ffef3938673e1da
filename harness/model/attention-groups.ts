import type { KvCellShape } from './paged-kv.ts';

/** New tokens of one request, after `pastTokens` whose KV exists. */
export interface Span {
  readonly requestId: number;
  readonly numTokens: number;
  readonly pastTokens: number;
}

/**
 * Amount of padding, in bytes of K and V of one layer, that costs as much as another group: a group costs a
 * layer about ten ops of 5 us, and padding is read at about 12 GB/s.
 */
const paddingBytesPerGroup = 512 * 1024;

/**
 * Upper bound on the gathered K, or V, of a group, so that it is still in the last-level cache when it is
 * used. Measured with a cache of 32 MiB: a step of 32 sequences of 1024 tokens takes 42 ms in groups of 8
 * MiB, and 61 ms in one group.
 */
const maxGatheredBytes = 8 * 1024 * 1024;

/**
 * Longer prefill chunks are divided into pieces of this many tokens. K and V of all are stored first, and
 * earlier pieces do not read the context of later ones. 256 rows still fill the matrix units.
 */
const maxPieceTokens = 256;

/** What of the attention of a batch its cost depends on, for one layer. */
export interface AttentionShape {
  readonly numGroups: number;
  /** Those whose pieces have several new tokens. */
  readonly numPromptGroups: number;
  /** Tokens whose K and V are gathered, padding included. */
  readonly gatheredTokens: number;
  /** Pairs of a new token and a gathered one, masked ones included. */
  readonly pairs: number;
}

/** Returns the shape of attention for entries in any order. */
export function attentionShapeOf(entries: readonly Span[], shape: KvCellShape): AttentionShape {
  let gatheredTokens = 0;
  let pairs = 0;
  let numPromptGroups = 0;
  const groups = attentionGroups(entries.toSorted(byLayout), shape);
  for (const pieces of groups) {
    const gathered =
      pieces.length * contextBlocksOfGroup(pieces, shape.blockSizeTokens) * shape.blockSizeTokens;
    const numTokens = pieces[0]?.numTokens ?? 0;
    if (numTokens > 1) numPromptGroups += 1;
    gatheredTokens += gathered;
    pairs += gathered * numTokens;
  }
  return { numGroups: groups.length, numPromptGroups, gatheredTokens, pairs };
}

/** The order of a batch: most new tokens first (prefill chunks), then longest context first. */
export function byLayout(a: Omit<Span, 'requestId'>, b: Omit<Span, 'requestId'>): number {
  return b.numTokens - a.numTokens || b.numTokens + b.pastTokens - a.numTokens - a.pastTokens;
}

/**
 * Divides entries, given in the order of the layout, into groups of pieces whose attention is one product. A new
 * group starts if the number of new tokens changes, if padding all contexts to the longest would cost more than
 * another group, or if the gathered context would exceed the cache. Padding counts once per new token, since
 * each attends to it.
 */
export function attentionGroups(entries: readonly Span[], shape: KvCellShape): Span[][] {
  const bytesPerToken = 4 * shape.numKvHeads * shape.headDim;
  const maxPadding = paddingBytesPerGroup / (2 * bytesPerToken);
  const maxContextTokens = maxGatheredBytes / bytesPerToken;
  const groups: Span[][] = [];
  let longest = 0;
  let context = 0;
  for (const piece of entries.flatMap(piecesOf)) {
    const current = groups.at(-1);
    const numTokens = current?.[0]?.numTokens;
    const size = current?.length ?? 0;
    const newLongest = Math.max(longest, piece.pastTokens);
    const padding = (newLongest * (size + 1) - context - piece.pastTokens) * piece.numTokens;
    const isSmall = (newLongest + piece.numTokens) * (size + 1) <= maxContextTokens;
    if (current !== undefined && numTokens === piece.numTokens && padding <= maxPadding && isSmall) {
      current.push(piece);
      longest = newLongest;
      context += piece.pastTokens;
    } else {
      groups.push([piece]);
      longest = context = piece.pastTokens;
    }
  }
  return groups;
}

function piecesOf({ requestId, numTokens, pastTokens }: Span): Span[] {
  const pieces: Span[] = [];
  for (let done = 0; done < numTokens; done += maxPieceTokens) {
    const size = Math.min(maxPieceTokens, numTokens - done);
    pieces.push({ requestId, numTokens: size, pastTokens: pastTokens + done });
  }
  return pieces;
}

/** Returns how many blocks the context of a piece spans, its new tokens included. */
export function contextBlocksOf(piece: Span, blockSizeTokens: number): number {
  return Math.ceil((piece.pastTokens + piece.numTokens) / blockSizeTokens);
}

/** Returns the number of blocks to which the contexts of a group are padded. */
export function contextBlocksOfGroup(pieces: readonly Span[], blockSizeTokens: number): number {
  return Math.max(...pieces.map((piece) => contextBlocksOf(piece, blockSizeTokens)));
}
