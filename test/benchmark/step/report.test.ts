import { expect, test } from 'vitest';
import { ratioSpread } from './duel.ts';
import { type CaseResult, formatReport, jsonReport, type RunInfo } from './report.ts';

const ours = {
  name: 'servebench',
  settings: '',
  roundUs: [1000, 4000, 1500],
  tokens: [7, 8],
} as const;
const rival = {
  name: 'llama.cpp',
  settings: 'flash attention on',
  roundUs: [2000, 4000, 2000],
  tokens: [7, 9],
} as const;
const info: RunInfo = {
  descriptions: { servebench: 'us' },
  machine: 'm',
  numRounds: 3,
  load: { before: 0, after: 1 },
};

function resultWith(goalRatio: number): CaseResult {
  const stepCase = {
    name: 'decode 2x8',
    numSequences: 2,
    contextTokens: 8,
    newTokens: 1,
    goalRatio,
    stepsPerTurn: 1,
  };
  return { stepCase, sides: [ours, rival] };
}

test('a ratio pairs the rounds, so that a moment that is slow for both counts for neither', () => {
  expect(ratioSpread(ours, rival)).toEqual({ median: 0.75, min: 0.5, max: 1 });
});

test('the table says whether the median ratio meets the goal', () => {
  expect(formatReport([resultWith(0.75)], info)).toContain('0.75 met');
  expect(formatReport([resultWith(0.74)], info)).toContain('0.74 missed');
});

test('a side that chose another token and a busy machine are warned of, in both forms', () => {
  const busy = { ...info, load: { before: 1.2, after: 1 } };
  expect(formatReport([resultWith(1)], busy)).toContain('warning: the machine was busy');
  expect(formatReport([resultWith(1)], info)).toContain('warning: decode 2x8: llama.cpp chose other tokens');
  const json = JSON.parse(jsonReport([resultWith(1)], busy));
  expect(json.warnings).toHaveLength(2);
  expect(json.cases[0].comparisons[0]).toMatchObject({ numSameTokens: 1, ratio: { median: 0.75 } });
});
