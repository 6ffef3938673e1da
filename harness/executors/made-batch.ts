import type { MicroBatch } from '../core/executor.ts';
import { asRequestId, type RequestId } from '../domain/ids.ts';

/** An entry of a micro-batch that no scheduler has formed. */
export interface MadeEntry {
  readonly numTokens: number;
  readonly pastTokens: number;
}

/**
 * Makes a micro-batch of entries that each sample a token at their end, with request ids from `firstRequest` on.
 * An entry of a single token with a past counts as one that decodes.
 */
export function madeBatch(entries: readonly MadeEntry[], id = 0, firstRequest = 0): MicroBatch {
  const decoding = entries.filter(({ numTokens, pastTokens }) => numTokens === 1 && pastTokens > 0);
  const sumOf = (amount: (entry: MadeEntry) => number, of = entries): number =>
    of.reduce((sum, entry) => sum + amount(entry), 0);
  return {
    id,
    size: entries.length,
    requestIds: entries.map((_, index): RequestId => asRequestId(firstRequest + index)),
    numTokens: entries.map(({ numTokens }) => numTokens),
    pastTokens: entries.map(({ pastTokens }) => pastTokens),
    samples: entries.map(() => 1),
    totalTokens: sumOf(({ numTokens }) => numTokens),
    attentionPairs: sumOf(
      ({ numTokens, pastTokens }) => numTokens * pastTokens + (numTokens * (numTokens + 1)) / 2,
    ),
    contextTokens: sumOf(({ numTokens, pastTokens }) => numTokens + pastTokens),
    decodeContextTokens: sumOf(({ pastTokens }) => pastTokens + 1, decoding),
    numRemote: 0,
    placements: [],
    remote: [],
  };
}
