import type { StepShape } from '../../harness/executors/roofline-cost.ts';

/** `size` requests decode with `context` tokens of KV each, the new one among them. */
export function decoding(size: number, context: number): StepShape {
  const tokens = size * context;
  return {
    size,
    totalTokens: size,
    attentionPairs: tokens,
    contextTokens: tokens,
    decodeContextTokens: tokens,
  };
}

/** The next `count` tokens of a prompt, `past` of whose tokens are computed. */
export function prefilling(count: number, past = 0): StepShape {
  return {
    size: 1,
    totalTokens: count,
    attentionPairs: count * past + (count * (count + 1)) / 2,
    contextTokens: past + count,
    decodeContextTokens: 0,
  };
}

/** Both in one step. */
export function together(a: StepShape, b: StepShape): StepShape {
  return {
    size: a.size + b.size,
    totalTokens: a.totalTokens + b.totalTokens,
    attentionPairs: a.attentionPairs + b.attentionPairs,
    contextTokens: a.contextTokens + b.contextTokens,
    decodeContextTokens: a.decodeContextTokens + b.decodeContextTokens,
  };
}
