import { z } from 'zod';
import type { InputIssue } from '../base/errors.ts';
import { isMapping } from './document.ts';
import type { Path } from './document.ts';
import type { IssueDetails, Origin } from './origin.ts';
import { suggest } from '../base/suggest.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

export type Validated<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly InputIssue[] };

/**
 * Checks `value` against `schema` and phrases the issues for people. `base` is the path of `value` in its
 * source. Messages that a schema defines itself (`{ error: '...' }`) are kept.
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  origin: Origin,
  base: Path = [],
): Validated<z.output<Schema>> {
  // The object that refused a key is known only while zod phrases the issue. The array of keys is the same
  // object in both places, so it serves as the key of this map.
  const validKeys = new WeakMap<readonly string[], readonly string[]>();
  const error = (issue: RawIssue): string | undefined => {
    if (issue.code === 'unrecognized_keys') validKeys.set(issue.keys, keysOf(issue.inst));
    return wording(issue);
  };
  const result = schema.safeParse(value, { error });
  if (result.success) return { ok: true, value: result.data };
  const issues = result.error.issues
    .flatMap((issue) => flatten(issue, []))
    .flatMap((issue) => detailsOf(issue, validKeys))
    .map(({ path, ...details }) => origin.issue([...base, ...path], details));
  return { ok: false, issues };
}

interface LocatedDetails extends IssueDetails {
  readonly path: Path;
}

function detailsOf(issue: Issue, validKeys: WeakMap<readonly string[], readonly string[]>): LocatedDetails[] {
  const path = toPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const valid = validKeys.get(issue.keys) ?? [];
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key "${key}"`,
      hint: suggest(key, valid),
      part: 'key',
    }));
  }
  if (issue.code === 'invalid_key') {
    return [{ path, message: issue.issues[0]?.message ?? issue.message, part: 'key' }];
  }
  const valid = validChoices(issue);
  const got = valid === undefined ? undefined : /, got "(.*)"$/.exec(issue.message)?.[1];
  const hint = valid === undefined || got === undefined ? undefined : suggest(got, valid);
  return [{ path, message: issue.message, hint }];
}

/** Returns the texts that would have been accepted, if there is a fixed list of them. */
function validChoices(issue: Issue): readonly string[] | undefined {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code === 'invalid_union') return discriminatorOptions(issue)?.map(String);
  return undefined;
}

/** Replaces "fits none of the alternatives" by the issues of the alternative that was meant. */
function flatten(issue: Issue, base: Path): Issue[] {
  const path = [...base, ...toPath(issue.path)];
  if (issue.code !== 'invalid_union' || issue.errors.length === 0 || issue.message !== unionWording) {
    return [{ ...issue, path }];
  }
  const branches = issue.errors.filter((branch) => !branch.some(isWrongKind));
  const [meant] = branches.length > 0 ? branches : [undefined];
  if (meant !== undefined) return meant.flatMap((inner) => flatten(inner, path));
  const [first] = issue.errors.flat();
  const expected = issue.errors
    .flat()
    .map((inner) => /expected (.+?)(?:, got .*)?$/.exec(inner.message)?.[1] ?? inner.message);
  const got = /(, got .*)$/.exec(first?.message ?? '')?.[1] ?? '';
  const missing = first?.message.startsWith('is missing') === true ? 'is missing, ' : '';
  const message = `${missing}expected ${[...new Set(expected)].join(' or ')}${got}`;
  return [{ ...issue, path, errors: [], message }];
}

/**
 * Tells whether the alternative expects a different kind of value altogether, such as a text instead of a
 * mapping.
 */
function isWrongKind(issue: Issue): boolean {
  return (
    issue.path.length === 0 &&
    (issue.code === 'invalid_type' ||
      (issue.code === 'invalid_value' && /, got a (mapping|list)$/.test(issue.message)) ||
      (issue.code === 'invalid_union' && issue.errors.length > 0))
  );
}

/** Returns the kinds of a tagged union. zod sets this property, but its types omit it. */
function discriminatorOptions(issue: object): readonly unknown[] | undefined {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options : undefined;
}

function keysOf(schema: unknown): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function toPath(path: readonly PropertyKey[]): Path {
  return path.map((segment) => (typeof segment === 'number' ? segment : String(segment)));
}

const unionWording = 'fits none of the alternatives';

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function wording(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return typeWording(issue.expected, issue.input);
    case 'invalid_value':
      return choiceWording(issue.values, issue.input);
    case 'too_small':
    case 'too_big':
      return boundWording(issue);
    case 'invalid_union':
      return unionIssueWording(issue);
    default:
      return undefined;
  }
}

function typeWording(expected: string, input: unknown): string {
  const name = typeNames[expected] ?? expected;
  return input === undefined ? `is missing, expected ${name}` : `expected ${name}, got ${show(input)}`;
}

function choiceWording(values: readonly unknown[], input: unknown): string {
  const expected = values.map(show).join(', ');
  return input === undefined
    ? `is missing, expected one of ${expected}`
    : `expected one of ${expected}, got ${show(input)}`;
}

function unionIssueWording(issue: RawIssue & { code: 'invalid_union' }): string {
  if (issue.discriminator === undefined) return unionWording;
  const input = isMapping(issue.input) ? issue.input[issue.discriminator] : undefined;
  return choiceWording(discriminatorOptions(issue) ?? [], input);
}

/** Nouns for the parts that a list, a text or a mapping has too few or too many of. */
const partNames: Readonly<Record<string, readonly [one: string, many: string]>> = {
  array: ['entry', 'entries'],
  record: ['entry', 'entries'],
  string: ['character', 'characters'],
};

function boundWording(issue: RawIssue & { code: 'too_small' | 'too_big' }): string {
  const isLow = issue.code === 'too_small';
  const bound = isLow ? issue.minimum : issue.maximum;
  const noun = partNames[issue.origin];
  if (noun !== undefined)
    return `must have at ${isLow ? 'least' : 'most'} ${bound} ${noun[bound === 1 ? 0 : 1]}`;
  const relation = isLow ? 'greater than' : 'less than';
  return `must be ${relation} ${issue.inclusive === false ? '' : 'or equal to '}${bound}, got ${show(issue.input)}`;
}

/** Shows a value in a few words, as the user may have written it. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  return value === null ? 'nothing' : JSON.stringify(value);
}
