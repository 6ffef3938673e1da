import { expect, test } from 'vitest';
import {
  e2elUs,
  latencyMs,
  type RequestTimes,
  tpotUs,
  ttftUs,
} from '../../harness/metrics/request-latencies.ts';
import { meetsSlo } from '../../harness/metrics/slo.ts';

const times: RequestTimes = {
  status: 'finished',
  arrivedAtUs: 1000,
  firstScheduledAtUs: 1500,
  firstTokenAtUs: 3000,
  endedAtUs: 7000,
  generatedTokens: 5,
};

test('latencies follow their formulas', () => {
  expect([ttftUs(times), tpotUs(times), e2elUs(times)]).toEqual([2000, 1000, 6000]);
  expect([latencyMs('ttft', times), latencyMs('tpot', times), latencyMs('queueing_delay', times)]).toEqual([
    2, 1, 0.5,
  ]);
});

test('what did not happen is undefined', () => {
  const open: RequestTimes = { ...times, status: 'unfinished', endedAtUs: undefined };
  expect([ttftUs(open), tpotUs(open), e2elUs(open)]).toEqual([2000, undefined, undefined]);
  expect(ttftUs({ ...open, firstTokenAtUs: undefined })).toBeUndefined();
  expect(tpotUs({ ...times, generatedTokens: 1 })).toBeUndefined();
});

test('a target is met at its very value, and a one-token answer meets any TPOT target', () => {
  expect(meetsSlo(times, { ttftUs: 2000, tpotUs: 1000 })).toBe(true);
  expect(meetsSlo(times, { ttftUs: 1999 })).toBe(false);
  expect(meetsSlo(times, { tpotUs: 999 })).toBe(false);
  expect(meetsSlo({ ...times, generatedTokens: 1 }, { tpotUs: 1 })).toBe(true);
  expect(meetsSlo(times, {})).toBe(true);
  expect(meetsSlo({ ...times, status: 'unfinished' }, {})).toBe(false);
});
