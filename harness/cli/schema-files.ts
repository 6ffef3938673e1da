import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resultJsonSchema, resultSchemaNames } from '../metrics/schemas.ts';
import { configJsonSchema } from '../config/index.ts';
import { decisionTables } from './decision-tables.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Writes the generated files: the published JSON Schemas, and the tables of decisions in `policies/README.md`. */
export async function writeSchemas(): Promise<void> {
  for (const [path, text] of await generatedFiles()) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/** Returns the paths of generated files that differ from what the code says. */
export async function staleSchemas(): Promise<readonly string[]> {
  const stale: string[] = [];
  for (const [path, text] of await generatedFiles()) {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found !== text) stale.push(path);
  }
  return stale;
}

async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const schemas = new Map<string, unknown>([['config', configJsonSchema()]]);
  for (const name of resultSchemaNames) schemas.set(name, resultJsonSchema(name));
  const files = new Map(
    [...schemas].map(([name, schema]) => [
      join(root, 'configs', 'schemas', `${name}.schema.json`),
      `${JSON.stringify(schema, undefined, 2)}\n`,
    ]),
  );
  const readme = join(root, 'policies', 'README.md');
  return files.set(readme, withDecisionTables(await readFile(readme, 'utf8')));
}

const begin = '<!-- decisions: written by "npm run schema" -->\n';
const end = '<!-- end of decisions -->\n';

/** The text with the tables of decisions between its two marks. */
function withDecisionTables(text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`policies/README.md lacks the lines ${begin}and ${end}`);
  return `${text.slice(0, from)}${begin}\n${decisionTables()}\n${text.slice(to)}`;
}
