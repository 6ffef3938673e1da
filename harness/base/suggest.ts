import { distance } from 'fastest-levenshtein';

/**
 * Returns the valid name that the user most likely meant: the only one that begins with `name`, otherwise the
 * one with the smallest edit distance; undefined if none is close.
 */
export function nearestName(name: string, validNames: readonly string[]): string | undefined {
  const begun = validNames.filter((candidate) => name.length > 2 && candidate.startsWith(name));
  if (begun.length === 1) return begun[0];
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of validNames) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits >= bestDistance) continue;
    best = candidate;
    bestDistance = edits;
  }
  return best;
}

/** Returns a hint: `did you mean "burst"?` if a name is close, otherwise the list of valid names. */
export function suggest(name: string, validNames: readonly string[]): string {
  const nearest = nearestName(name, validNames);
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  return validNames.length === 0 ? 'there are none' : `valid: ${validNames.join(', ')}`;
}
