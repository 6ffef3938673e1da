import { expect, test } from 'vitest';
import { figuresOf, type Outcome, pair } from './outcomes.ts';
import { type CaseResult, formatReport, hasPassed } from './report.ts';

function outcome(
  arrivedMs: number,
  outputTokens: number,
  firstTokenMs: number,
  lastTokenMs: number,
): Outcome {
  return { arrivedMs, promptTokens: 100, outputTokens, firstTokenMs, lastTokenMs };
}

const outcomes = [outcome(0, 5, 40, 80), outcome(10, 3, 70, 110)];
const figures = figuresOf(outcomes);

function resultOf(ours: Partial<CaseResult['ours']>): CaseResult {
  return {
    name: 'a case',
    numRequests: 2,
    numPreemptions: 0,
    prefillRatio: 0.5,
    numSame: 2,
    ours: { ...figures, ...ours },
    theirs: figures,
  };
}

test('figures of two requests', () => {
  expect(figures.ttftMeanMs).toBe(50);
  expect(figures.ttftP99Ms).toBeCloseTo(59.8, 9);
  expect(figures.tpotMeanMs).toBe(15);
  expect(figures.tokensPerSecond).toBeCloseTo(8000 / 110, 9);
});

test('pairs are the same request, whatever the order on either side', () => {
  for (const [our, their] of pair(outcomes, outcomes.toReversed())) expect(our).toBe(their);
});

test('sides that have served different requests are no pairs', () => {
  expect(() => pair(outcomes, outcomes.slice(1))).toThrow('2 and 1 requests');
  expect(() => pair(outcomes, [outcomes[0] as Outcome, outcome(11, 3, 70, 110)])).toThrow('same-requests');
});

test('passes up to 2 % in every figure, and says which is off', () => {
  const near = resultOf({ ttftP99Ms: figures.ttftP99Ms * 1.019, tpotMeanMs: figures.tpotMeanMs * 0.981 });
  expect(hasPassed([near])).toBe(true);
  const off = resultOf({ tpotMeanMs: figures.tpotMeanMs * 0.979 });
  expect(hasPassed([near, off])).toBe(false);
  expect(formatReport([near, off], 'peer').match(/.*<- off/g)).toEqual([
    expect.stringContaining('TPOT mean') as string,
  ]);
});

test('a figure that is no number has not passed', () => {
  expect(hasPassed([resultOf({ ttftMeanMs: Number.NaN })])).toBe(false);
});
