/**
 * Which of several hypotheses Holm's step-down procedure (1979) rejects: the smallest p-value is held against level / n, the
 * next against level / (n - 1), and so on until one is too large. Whatever is true of them and however they depend on each
 * other, one or more true ones are rejected in at most a share of `level` of all families. `undefined` stands for a hypothesis
 * that nothing is known about: it is never rejected and does not count.
 */
export function holmRejects(pValues: readonly (number | undefined)[], level: number): boolean[] {
  const rejects = pValues.map(() => false);
  const known = pValues.flatMap((p, index) => (p === undefined ? [] : [{ p, index }]));
  known.sort((a, b) => a.p - b.p);
  for (const [rank, { p, index }] of known.entries()) {
    if (p > level / (known.length - rank)) break;
    rejects[index] = true;
  }
  return rejects;
}
