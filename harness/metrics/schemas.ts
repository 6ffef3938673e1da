import { z } from 'zod';
import { comparedValuesSchema } from './compared-values.ts';
import { manifestSchema, schemaVersion, summarySchema } from './results.ts';
import { clusterEventRows } from './rows/cluster-event-row.ts';
import { decisionRows } from './rows/decision-row.ts';
import { migrationRows } from './rows/migration-row.ts';
import { requestRows } from './rows/request-row.ts';
import { speedRows } from './rows/speed-row.ts';
import { transferRows } from './rows/transfer-row.ts';

const published = {
  manifest: { schema: manifestSchema, title: 'manifest.json of a results folder' },
  summary: { schema: summarySchema, title: 'summary.json of a results folder' },
  'request-row': lineOf(requestRows),
  'decision-row': lineOf(decisionRows),
  'transfer-row': lineOf(transferRows),
  'migration-row': lineOf(migrationRows),
  'cluster-event-row': lineOf(clusterEventRows),
  'speed-row': lineOf(speedRows),
  'twin-values': { schema: comparedValuesSchema, title: 'A line of twins/values.jsonl of a measured run' },
} as const;

function lineOf({ file, schema }: { readonly file: string; readonly schema: z.ZodType }) {
  return { schema, title: `A line of cells/<id>/${file}` };
}

/** Name of a published schema; its file is `configs/schemas/<name>.schema.json`. */
export type ResultSchemaName = keyof typeof published;

export const resultSchemaNames = Object.keys(published) as readonly ResultSchemaName[];

/** Returns the JSON Schema (draft 2020-12) of one file, or kind of line, of a results folder. */
export function resultJsonSchema(name: ResultSchemaName): Readonly<Record<string, unknown>> {
  const { schema, title } = published[name];
  const { $schema, ...rest } = z.toJSONSchema(schema);
  return { $schema, title, 'x-schema-version': schemaVersion, ...rest };
}
