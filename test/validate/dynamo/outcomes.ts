import { assert } from '../../../harness/base/assert.ts';
import { mean, quantileOfSorted, sorted } from '../../../harness/base/stats.ts';

/** One request as either simulator served it. Milliseconds of virtual time. */
export interface Outcome {
  readonly arrivedMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly firstTokenMs: number;
  readonly lastTokenMs: number;
}

/** What is compared: the two latencies that users see, and what comes out of the cluster. */
export interface Figures {
  readonly ttftMeanMs: number;
  readonly ttftP99Ms: number;
  readonly tpotMeanMs: number;
  /** Answers' tokens a second, from the first arrival to the last token. */
  readonly tokensPerSecond: number;
}

export function figuresOf(outcomes: readonly Outcome[]): Figures {
  const ttftMs = sorted(outcomes.map(({ arrivedMs, firstTokenMs }) => firstTokenMs - arrivedMs));
  const tpotMs = outcomes.map(
    ({ firstTokenMs, lastTokenMs, outputTokens }) => (lastTokenMs - firstTokenMs) / (outputTokens - 1),
  );
  const tokens = outcomes.reduce((sum, { outputTokens }) => sum + outputTokens, 0);
  const firstMs = Math.min(...outcomes.map(({ arrivedMs }) => arrivedMs));
  const lastMs = Math.max(...outcomes.map(({ lastTokenMs }) => lastTokenMs));
  return {
    ttftMeanMs: mean(ttftMs) ?? Number.NaN,
    ttftP99Ms: quantileOfSorted(ttftMs, 0.99) ?? Number.NaN,
    tpotMeanMs: mean(tpotMs) ?? Number.NaN,
    tokensPerSecond: (1000 * tokens) / (lastMs - firstMs),
  };
}

/** Pairs of the same request on both sides; throws unless both have served the same requests. */
export function pair(ours: readonly Outcome[], theirs: readonly Outcome[]): (readonly [Outcome, Outcome])[] {
  const order = (a: Outcome, b: Outcome): number =>
    a.arrivedMs - b.arrivedMs || a.promptTokens - b.promptTokens || a.outputTokens - b.outputTokens;
  const others = theirs.toSorted(order);
  assert(
    ours.length === others.length,
    'same-requests',
    () => `${ours.length} and ${others.length} requests`,
  );
  return ours.toSorted(order).map((our, index) => {
    const their = others[index] as Outcome;
    assert(order(our, their) === 0, 'same-requests', () => JSON.stringify([our, their]));
    return [our, their];
  });
}
