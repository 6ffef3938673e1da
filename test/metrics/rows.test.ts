import { expect, test } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import type { RequestRecord } from '../../harness/core/observer.ts';
import { clusterEventRows } from '../../harness/metrics/rows/cluster-event-row.ts';
import { decisionRows } from '../../harness/metrics/rows/decision-row.ts';
import { migrationRows } from '../../harness/metrics/rows/migration-row.ts';
import { requestRows } from '../../harness/metrics/rows/request-row.ts';
import { timeseriesRows } from '../../harness/metrics/rows/timeseries-row.ts';
import { transferRows } from '../../harness/metrics/rows/transfer-row.ts';
import * as fc from '../fast-check.ts';
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
import { lineOf } from './text-sink.ts';

test('reasons stand whole in the files, however long they are', () => {
  const reason = `${'because of "that" '.repeat(20_000)}é.`;
  expect(
    JSON.parse(lineOf(decisionRows, { ...dispatch, reason, outcome: 'rejected', error: reason })),
  ).toMatchObject({
    reason,
    error: reason,
  });
  expect(JSON.parse(lineOf(requestRows, { ...rejectedRequest, endReason: reason }))).toMatchObject({
    reason,
  });
  expect(JSON.parse(lineOf(migrationRows, { ...migration, abortReason: reason }))).toMatchObject({ reason });
  expect(JSON.parse(lineOf(clusterEventRows, { ...clusterEvent, detail: reason }))).toMatchObject({
    detail: reason,
  });
});

const time = fc.nat({ max: 2 ** 40 });
const optionalTime = fc.option(time, { nil: undefined });
const record: fc.Arbitrary<RequestRecord> = fc.record({
  id: fc.nat().map(asRequestId),
  sessionId: fc.nat().map(asRequestId),
  parentId: fc.option(fc.nat().map(asRequestId), { nil: undefined }),
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
  groupId: fc.option(fc.nat().map(asGroupId), { nil: undefined }),
  numPreemptions: fc.nat(),
  numSwaps: fc.nat(),
  numMigrations: fc.nat(),
  preemptedUs: time,
  stalledUs: time,
});

test('a request line is what JSON.stringify makes of its row', () => {
  fc.assert(
    fc.property(record, (request) => {
      const row = requestRows.schema.parse(rowOf(request));
      expect(lineOf(requestRows, request)).toBe(`${JSON.stringify(row)}\n`);
    }),
  );
});

test('every line of an example parses to its schema, key by key in the declared order', () => {
  const lines = [
    [requestRows.schema, lineOf(requestRows, finishedRequest)],
    [requestRows.schema, lineOf(requestRows, rejectedRequest)],
    [decisionRows.schema, lineOf(decisionRows, dispatch)],
    [
      decisionRows.schema,
      lineOf(decisionRows, { ...preemption, outcome: 'rejected', error: 'no request "4"' }),
    ],
    [transferRows.schema, lineOf(transferRows, transfer)],
    [
      transferRows.schema,
      lineOf(transferRows, { ...transfer, kind: 'weights', requestId: undefined, source: 'disk' }),
    ],
    [transferRows.schema, lineOf(transferRows, { ...transfer, kind: 'swap-out', target: 'host' })],
    [transferRows.schema, lineOf(transferRows, { ...transfer, kind: 'exchange' })],
    [transferRows.schema, lineOf(transferRows, { ...transfer, kind: 'attention', requestId: undefined })],
    [migrationRows.schema, lineOf(migrationRows, migration)],
    [
      migrationRows.schema,
      lineOf(migrationRows, { ...migration, stoppedAtUs: undefined, abortReason: 'no "room"' }),
    ],
    [clusterEventRows.schema, lineOf(clusterEventRows, clusterEvent)],
  ] as const;
  for (const [schema, line] of lines) {
    expect(line.endsWith('\n')).toBe(true);
    expect(`${JSON.stringify(schema.parse(JSON.parse(line)))}\n`).toBe(line);
  }
});

test('a sample line has a field per column and quotes text that needs it', () => {
  const line = lineOf(timeseriesRows, { ...sample, role: 'prefill, "a"' });
  expect(line).toBe('0,2,1,"prefill, ""a""",ready,1000,100,300,0,40,50,0,60,20,5,6,7,2,8,9,10\n');
  expect(lineOf(timeseriesRows, sample).trimEnd().split(',')).toHaveLength(timeseriesRows.columns.length);
});

test.each([
  ['stopped for the last copy', {}, 40],
  ['stopped for the only copy', { protocol: 'blocking', stoppedAtUs: 100 }, 300],
  ['computed again: not running yet when it ends', { protocol: 'recompute', stoppedAtUs: 400 }, null],
  ['aborted', { abortReason: 'full' }, null],
  ['aborted before it was stopped', { stoppedAtUs: undefined, abortReason: 'full' }, null],
] as const)('downtime of a migration: %s', (_, changes, downtimeUs) => {
  const row = migrationRows.schema.parse(JSON.parse(lineOf(migrationRows, { ...migration, ...changes })));
  expect(row.downtime_us).toBe(downtimeUs);
  expect(row.outcome).toBe('abortReason' in changes ? 'aborted' : 'done');
});
