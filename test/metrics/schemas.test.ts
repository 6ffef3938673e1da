import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import {
  clusterEventLine,
  decisionLine,
  migrationLine,
  requestLine,
  transferLine,
} from '../../harness/metrics/rows.ts';
import { resultJsonSchema, resultSchemaNames } from '../../harness/metrics/schemas.ts';
import { clusterEvent, finishedRequest, migration, preemption, transfer } from './records.ts';

function validator(name: (typeof resultSchemaNames)[number]) {
  return new Ajv2020({ strict: false }).compile(resultJsonSchema(name));
}

test('every published schema is a valid JSON Schema with a title', () => {
  for (const name of resultSchemaNames) {
    expect(validator(name)).toBeTypeOf('function');
    expect(resultJsonSchema(name)).toMatchObject({ title: expect.any(String), 'x-schema-version': 4 });
  }
});

test('written lines are valid, and a missing or unknown key is not', () => {
  const lines = {
    'request-row': requestLine(finishedRequest),
    'decision-row': decisionLine(preemption),
    'transfer-row': transferLine(transfer),
    'migration-row': migrationLine(migration),
    'cluster-event-row': clusterEventLine(clusterEvent),
  } as const;
  for (const name of Object.keys(lines) as (keyof typeof lines)[]) {
    const validate = validator(name);
    const row = JSON.parse(lines[name]) as Record<string, unknown>;
    expect(validate(row)).toBe(true);
    expect(validate({ ...row, more: 1 })).toBe(false);
    expect(validate(Object.fromEntries(Object.entries(row).slice(1)))).toBe(false);
  }
});
