import { distance } from 'fastest-levenshtein';

/** The valid name that the user most likely meant: one that it begins, else the nearest; `undefined` where none is near. */
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

/** `did you mean "burst"?`, else the list of what there is. */
export function suggest(name: string, validNames: readonly string[]): string {
  const nearest = nearestName(name, validNames);
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  return validNames.length === 0 ? 'there are none' : `valid: ${validNames.join(', ')}`;
}
