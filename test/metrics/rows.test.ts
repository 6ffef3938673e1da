import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RequestRecord } from '../../harness/core/observer.ts';
import {
  clusterEventRowSchema,
  decisionRowSchema,
  migrationRowSchema,
  requestRowSchema,
  timeseriesColumns,
  transferRowSchema,
} from '../../harness/metrics/results.ts';
import {
  clusterEventLine,
  decisionLine,
  migrationLine,
  quote,
  requestLine,
  sampleLine,
  transferLine,
} from '../../harness/metrics/rows.ts';
import {
  clusterEvent,
  dispatch,
  finishedRequest,
  migration,
  preemption,
  rejectedRequest,
  rowOf,
  sample,
  transfer,
} from './records.ts';

const time = fc.nat({ max: 2 ** 40 });
const optionalTime = fc.option(time, { nil: undefined });
const record: fc.Arbitrary<RequestRecord> = fc.record({
  id: fc.nat(),
  className: fc.string({ unit: 'binary' }),
  status: fc.constantFrom('finished', 'failed', 'rejected', 'aborted', 'unfinished'),
  endReason: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
  arrivedAtUs: time,
  firstScheduledAtUs: optionalTime,
  firstTokenAtUs: optionalTime,
  endedAtUs: optionalTime,
  promptTokens: fc.nat(),
  outputTokens: fc.nat(),
  generatedTokens: fc.nat(5),
  maxTokenGapUs: time,
  groupId: fc.option(fc.nat(), { nil: undefined }),
  numPreemptions: fc.nat(),
  numSwaps: fc.nat(),
  numMigrations: fc.nat(),
  preemptedUs: time,
  stalledUs: time,
});

test('a request line is what JSON.stringify makes of its row', () => {
  fc.assert(
    fc.property(record, (request) => {
      const row = requestRowSchema.parse(rowOf(request));
      expect(requestLine(request)).toBe(`${JSON.stringify(row)}\n`);
    }),
  );
});

test('quoting is that of JSON, lone surrogates and control characters included', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(quote(text)).toBe(JSON.stringify(text));
    }),
  );
  for (const text of ['\ud800', 'a"b', '\\', '\n', '\u0000', '\u2028', 'é'])
    expect(quote(text)).toBe(JSON.stringify(text));
});

test('every line of an example parses to its schema, key by key in the declared order', () => {
  const lines = [
    [requestRowSchema, requestLine(finishedRequest)],
    [requestRowSchema, requestLine(rejectedRequest)],
    [decisionRowSchema, decisionLine(dispatch)],
    [decisionRowSchema, decisionLine({ ...preemption, outcome: 'rejected', error: 'no request "4"' })],
    [transferRowSchema, transferLine(transfer)],
    [transferRowSchema, transferLine({ ...transfer, kind: 'weights', requestId: undefined, source: 'disk' })],
    [transferRowSchema, transferLine({ ...transfer, kind: 'swap-out', target: 'host' })],
    [transferRowSchema, transferLine({ ...transfer, kind: 'exchange' })],
    [transferRowSchema, transferLine({ ...transfer, kind: 'attention', requestId: undefined })],
    [migrationRowSchema, migrationLine(migration)],
    [migrationRowSchema, migrationLine({ ...migration, stoppedAtUs: undefined, abortReason: 'no "room"' })],
    [clusterEventRowSchema, clusterEventLine(clusterEvent)],
  ] as const;
  for (const [schema, line] of lines) {
    expect(line.endsWith('\n')).toBe(true);
    expect(`${JSON.stringify(schema.parse(JSON.parse(line)))}\n`).toBe(line);
  }
});

test('a sample line has a field per column and quotes text that needs it', () => {
  const line = sampleLine({ ...sample, role: 'prefill, "a"' });
  expect(line).toBe('0,2,1,"prefill, ""a""",ready,1000,100,300,0,40,50,0,60,20,5,6,7,2,8,9,10\n');
  expect(sampleLine(sample).trimEnd().split(',')).toHaveLength(timeseriesColumns.length);
});

test.each([
  ['stopped for the last copy', {}, 40],
  ['stopped for the only copy', { protocol: 'blocking', stoppedAtUs: 100 }, 300],
  ['computed again: not running yet when it ends', { protocol: 'recompute', stoppedAtUs: 400 }, null],
  ['aborted', { abortReason: 'full' }, null],
  ['aborted before it was stopped', { stoppedAtUs: undefined, abortReason: 'full' }, null],
] as const)('downtime of a migration: %s', (_, changes, downtimeUs) => {
  const row = migrationRowSchema.parse(JSON.parse(migrationLine({ ...migration, ...changes })));
  expect(row.downtime_us).toBe(downtimeUs);
  expect(row.outcome).toBe('abortReason' in changes ? 'aborted' : 'done');
});
