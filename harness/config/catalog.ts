import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import type { InputIssue } from '../base/errors.ts';
import { messageOf } from '../base/errors.ts';
import { parseConfigDocument } from './document.ts';
import type { ConfigDocument, Path } from './document.ts';
import { createOrigin } from './origin.ts';
import type { Origin } from './origin.ts';
import { nearestName, suggest } from '../base/suggest.ts';
import { validate } from './validate.ts';
import type { Validated } from './validate.ts';

/** Kinds of descriptions that ship with the harness, by folder: `configs/models/tiny-llama.yaml`. */
export type CatalogKind = 'models' | 'hardware' | 'profiles';

const nouns = { models: 'model', hardware: 'hardware', profiles: 'profile' } as const satisfies Record<
  CatalogKind,
  string
>;

const catalogDir = fileURLToPath(new URL('../../configs/', import.meta.url));

export function catalogNames(kind: CatalogKind): readonly string[] {
  return readdirSync(resolve(catalogDir, kind))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .toSorted();
}

/**
 * A name or path as the configuration has it: where it was written, and the folder to which a path is
 * relative.
 */
export interface Reference {
  readonly text: string;
  readonly baseDir: string;
  readonly origin: Origin;
  readonly path: Path;
}

/**
 * Reads and checks a description, given its name in the catalog or the path of a file. The returned `name` is
 * its default name.
 */
export function loadDescription<Schema extends z.ZodType>(
  kind: CatalogKind,
  reference: Reference,
  schema: Schema,
): Validated<{ readonly name: string; readonly dir: string; readonly description: z.output<Schema> }> {
  const file = locate(kind, reference);
  if (!file.ok) return file;
  const read = readConfigDocument(file.value);
  if (!read.ok) return { ok: false, issues: read.issues.map((issue) => placed(issue, reference)) };
  const description = validate(schema, read.value.value, createOrigin(read.value));
  if (!description.ok) return description;
  return {
    ok: true,
    value: {
      name: basename(file.value, extname(file.value)),
      dir: dirname(file.value),
      description: description.value,
    },
  };
}

/** A file that cannot be read at all is a mistake at the place that names it. */
function placed(issue: InputIssue, { text, origin, path }: Reference): InputIssue {
  if (issue.line !== undefined) return issue;
  return origin.issue(path, { message: `${text}: ${issue.message}`, hint: issue.hint });
}

function locate(kind: CatalogKind, { text, baseDir, origin, path }: Reference): Validated<string> {
  if (isPath(text)) return { ok: true, value: resolve(baseDir, text) };
  const names = catalogNames(kind);
  if (names.includes(text)) return { ok: true, value: resolve(catalogDir, kind, `${text}.yaml`) };
  const details = {
    message: `there is no ${nouns[kind]} "${text}" in configs/${kind}`,
    hint: suggest(text, names),
  };
  return { ok: false, issues: [origin.issue(path, details)] };
}

function isPath(text: string): boolean {
  return /[/\\]/.test(text) || /\.(ya?ml|json)$/.test(text);
}

/** Reads and parses one file, which issues call `source`. Returns issues if it cannot be read or parsed. */
export function readConfigDocument(file: string, source = file): Validated<ConfigDocument> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { ok: false, issues: [unreadable(file, source, error)] };
  }
  const { document, issues } = parseConfigDocument(text, source);
  return issues.length > 0 ? { ok: false, issues } : { ok: true, value: document };
}

function unreadable(file: string, source: string, error: unknown): InputIssue {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOENT') return { source, path: '', message: `cannot be read: ${messageOf(error)}` };
  const nearest = nearestName(basename(file), siblings(file));
  const hint = nearest === undefined ? {} : { hint: `did you mean "${nearest}"?` };
  return { source, path: '', message: 'there is no such file', ...hint };
}

function siblings(file: string): readonly string[] {
  try {
    return readdirSync(dirname(file));
  } catch {
    // The folder is missing as well, so there is nothing to suggest.
    return [];
  }
}
