import { z } from 'zod';
import {
  clusterEventRowSchema,
  decisionRowSchema,
  manifestSchema,
  migrationRowSchema,
  requestRowSchema,
  schemaVersion,
  summarySchema,
  transferRowSchema,
} from './results.ts';

const published = {
  manifest: { schema: manifestSchema, title: 'manifest.json of a results folder' },
  summary: { schema: summarySchema, title: 'summary.json of a results folder' },
  'request-row': { schema: requestRowSchema, title: 'A line of cells/<id>/requests.jsonl' },
  'decision-row': { schema: decisionRowSchema, title: 'A line of cells/<id>/decisions.jsonl' },
  'transfer-row': { schema: transferRowSchema, title: 'A line of cells/<id>/transfers.jsonl' },
  'migration-row': { schema: migrationRowSchema, title: 'A line of cells/<id>/migrations.jsonl' },
  'cluster-event-row': { schema: clusterEventRowSchema, title: 'A line of cells/<id>/events.jsonl' },
} as const;

/** Name of a published schema; its file is `configs/schemas/<name>.schema.json`. */
export type ResultSchemaName = keyof typeof published;

export const resultSchemaNames = Object.keys(published) as readonly ResultSchemaName[];

/** The JSON Schema (draft 2020-12) of one file, or kind of line, of a results folder. */
export function resultJsonSchema(name: ResultSchemaName): Readonly<Record<string, unknown>> {
  const { schema, title } = published[name];
  const { $schema, ...rest } = z.toJSONSchema(schema);
  return { $schema, title, 'x-schema-version': schemaVersion, ...rest };
}
