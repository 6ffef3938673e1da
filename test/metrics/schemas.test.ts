import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { schemaVersion } from '../../harness/metrics/results.ts';
import { clusterEventRows } from '../../harness/metrics/rows/cluster-event-row.ts';
import { decisionRows } from '../../harness/metrics/rows/decision-row.ts';
import { migrationRows } from '../../harness/metrics/rows/migration-row.ts';
import { requestRows } from '../../harness/metrics/rows/request-row.ts';
import { transferRows } from '../../harness/metrics/rows/transfer-row.ts';
import { resultJsonSchema, resultSchemaNames } from '../../harness/metrics/schemas.ts';
import { clusterEvent, finishedRequest, migration, preemption, transfer } from './records.ts';
import { lineOf } from './text-sink.ts';

function validator(name: (typeof resultSchemaNames)[number]) {
  return new Ajv2020({ strict: false }).compile(resultJsonSchema(name));
}

test('every published schema is a valid JSON Schema with a title', () => {
  for (const name of resultSchemaNames) {
    expect(validator(name)).toBeTypeOf('function');
    expect(resultJsonSchema(name)).toMatchObject({
      title: expect.any(String),
      'x-schema-version': schemaVersion,
    });
  }
});

test('written lines are valid, and a missing or unknown key is not', () => {
  const lines = {
    'request-row': lineOf(requestRows, finishedRequest),
    'decision-row': lineOf(decisionRows, preemption),
    'transfer-row': lineOf(transferRows, transfer),
    'migration-row': lineOf(migrationRows, migration),
    'cluster-event-row': lineOf(clusterEventRows, clusterEvent),
  } as const;
  for (const name of Object.keys(lines) as (keyof typeof lines)[]) {
    const validate = validator(name);
    const row = JSON.parse(lines[name]) as Record<string, unknown>;
    expect(validate(row)).toBe(true);
    expect(validate({ ...row, more: 1 })).toBe(false);
    expect(validate(Object.fromEntries(Object.entries(row).slice(1)))).toBe(false);
  }
});
