import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resultJsonSchema, resultSchemaNames } from '../metrics/schemas.ts';
import { configJsonSchema } from '../config/index.ts';

const dir = fileURLToPath(new URL('../../configs/schemas/', import.meta.url));

/** Writes the published JSON Schemas, generated from the schemas that the code validates with. */
export async function writeSchemas(): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const [path, text] of schemaFiles()) await writeFile(path, text);
}

/** Returns the paths of published schemas that differ from the generated ones. */
export async function staleSchemas(): Promise<readonly string[]> {
  const stale: string[] = [];
  for (const [path, text] of schemaFiles()) {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found !== text) stale.push(path);
  }
  return stale;
}

function schemaFiles(): ReadonlyMap<string, string> {
  const schemas = new Map<string, unknown>([['config', configJsonSchema()]]);
  for (const name of resultSchemaNames) schemas.set(name, resultJsonSchema(name));
  return new Map(
    [...schemas].map(([name, schema]) => [
      join(dir, `${name}.schema.json`),
      `${JSON.stringify(schema, undefined, 2)}\n`,
    ]),
  );
}
