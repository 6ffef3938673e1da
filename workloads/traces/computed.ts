/** Bytes of UTF-8 that a token stands for, on average, in text that tokenizers know; what lengths of texts are estimated with. */
export const bytesPerToken = 4;

/** Returns what stands under these keys, one inside the other; `undefined` where there is no such thing. */
export function fieldOf(value: unknown, ...keys: readonly string[]): unknown {
  let current = value;
  for (const key of keys) {
    if (typeof current !== 'object' || current === null || Array.isArray(current)) return undefined;
    current = Object.entries(current).find(([name]) => name === key)?.[1];
  }
  return current ?? undefined;
}

/**
 * Estimates the tokens of a text, or of all texts of a list: of messages with `content`, of parts with `text`, of
 * prompts. `undefined` where there is no text at all.
 */
export function tokensOfText(value: unknown): number | undefined {
  const bytes = bytesOf(value);
  return bytes === undefined ? undefined : Math.max(1, Math.ceil(bytes / bytesPerToken));
}

function bytesOf(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (!Array.isArray(value)) {
    const inner = fieldOf(value, 'content') ?? fieldOf(value, 'text');
    return inner === undefined ? undefined : bytesOf(inner);
  }
  // Images and tool calls have no text; what stands beside them counts.
  const known = value.map(bytesOf).filter((bytes) => bytes !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0);
}
