import type { InputIssue } from '../base/errors.ts';
import { isMapping, parseYaml, tooDeepMessage } from './document.ts';
import type { Path } from './document.ts';
import { valueOf } from './yaml-value.ts';

/** A value given by a flag that replaces the file's. */
export interface Override {
  /** The flag as shown in issues, such as `--set engine.maxRunning=8`. */
  readonly source: string;
  readonly path: Path;
  readonly value: unknown;
}

/**
 * Parses `a.b=c`. The value is YAML, so `5` is a number, `true` a boolean, `[a, b]` a list and `{ kind:
 * poisson }` a mapping. Returns an issue if the text is malformed.
 */
export function parseOverride(text: string): Override | InputIssue {
  const source = `--set ${text}`;
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(equals, 0)).trim().split('.');
  if (equals === -1 || path.includes('')) {
    return { source, path: '', message: 'expected a path and a value: --set engine.maxRunning=64' };
  }
  const parsed = parseYaml(text.slice(equals + 1));
  const fail = (message: string): InputIssue => ({ source, path: path.join('.'), message });
  if (parsed === undefined) return fail(tooDeepMessage);
  const [error] = parsed.errors;
  if (error !== undefined) return fail(`not valid YAML: ${error.message}`);
  const result = valueOf(parsed);
  return 'problem' in result ? fail(result.problem.message) : { source, path, value: result.value };
}

/**
 * Applies all overrides in order and returns the result, with the paths that they have there; the input is not changed. A policy of
 * a stack may be told by its name in place of its index: `policies.mine.hpa.params.syncS`.
 */
export function applyOverrides(
  value: unknown,
  overrides: readonly Override[],
): {
  readonly value: unknown;
  readonly applied: readonly Override[];
  readonly issues: readonly InputIssue[];
} {
  const issues: InputIssue[] = [];
  const applied: Override[] = [];
  let result = value;
  for (const given of overrides) {
    const { value: prepared, path } = withPolicyAt(result, given.path);
    const override = { ...given, path };
    const blocked = blockedAt(prepared, path);
    if (blocked === undefined) result = replaceAt(prepared, path, override.value);
    else issues.push(blockedIssue(override, blocked));
    applied.push(override);
  }
  return { value: result, applied, issues };
}

/** Finds the policy that a path into a stack names; one that the file gives by its name alone is written out, so that it has parts. */
function withPolicyAt(value: unknown, path: Path): { readonly value: unknown; readonly path: Path } {
  const [root, stack, policy, ...rest] = path;
  if (root !== 'policies' || stack === undefined || policy === undefined) return { value, path };
  const list = [root, stack].reduce<unknown>(
    (whole, segment) => (isMapping(whole) ? partOf(whole, segment) : undefined),
    value,
  );
  if (!Array.isArray(list)) return { value, path };
  const index = isIndexInto(list, policy)
    ? Number(policy)
    : list.findIndex((use) => nameOfUse(use) === policy);
  if (index === -1) return { value, path };
  const use: unknown = list[index];
  const at = [root, stack, index];
  const isShort = typeof use === 'string' && rest.length > 0;
  return { value: isShort ? replaceAt(value, at, { use }) : value, path: [...at, ...rest] };
}

function nameOfUse(use: unknown): unknown {
  return isMapping(use) ? use['use'] : use;
}

/**
 * Returns the number of leading segments that exist if the path then continues into a value without parts;
 * undefined if the path can be set.
 */
function blockedAt(value: unknown, path: Path): number | undefined {
  let current = value;
  for (const [depth, segment] of path.entries()) {
    if (current === undefined || current === null) return undefined;
    if (typeof current !== 'object') return depth;
    if (Array.isArray(current) && !isIndexInto(current, segment)) return depth;
    current = partOf(current, segment);
  }
  return undefined;
}

/** Tells whether the segment is the index of an entry of the list, or the index after the last. */
function isIndexInto(list: readonly unknown[], segment: string | number): boolean {
  return /^\d+$/.test(String(segment)) && Number(segment) <= list.length;
}

function blockedIssue({ source, path }: Override, depth: number): InputIssue {
  const parent = path.slice(0, depth).join('.');
  return {
    source,
    path: path.join('.'),
    message: `"${parent}" has no part "${path[depth]}"`,
    hint: `write "${parent}" out as a mapping in the file, or set it as a whole; entries of a list are counted from 0, policies of a stack have their names as well`,
  };
}

function replaceAt(value: unknown, path: Path, replacement: unknown): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined) return replacement;
  if (Array.isArray(value)) {
    const copy: unknown[] = [...value];
    copy[Number(segment)] = replaceAt(copy[Number(segment)], rest, replacement);
    return copy;
  }
  const parts = isMapping(value) ? value : {};
  return { ...parts, [segment]: replaceAt(partOf(parts, segment), rest, replacement) };
}

/** Looks up own properties only: `constructor` is not a part of a mapping. */
function partOf(value: object, segment: string | number): unknown {
  return Object.entries(value).find(([key]) => key === String(segment))?.[1];
}
