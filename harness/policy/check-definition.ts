import type { Capabilities } from './capabilities.ts';
import type { PolicyDefinition, PolicyFamily } from './contract.ts';
import { describeValue } from './describe-value.ts';

// A plug-in may be plain JavaScript, which no compiler has seen: what it declares is checked where it is loaded.

/** Longest name of a policy: it is part of the names of files. */
const maxNameLength = 60;

const families: Readonly<Record<PolicyFamily, true>> = {
  'kv-centric': true,
  'parameter-centric': true,
  autoscaling: true,
  bound: true,
  support: true,
  other: true,
};

/** The fields of a definition, each with a check that returns what is wrong, or `undefined`. */
const fields: Readonly<Record<keyof PolicyDefinition, (value: unknown) => string | undefined>> = {
  name: nameProblem,
  family: (value) => problemUnless(isKeyOf(families, value), `one of ${quoted(families)}`, value),
  summary: (value) =>
    problemUnless(typeof value === 'string' && value.trim() !== '', 'a sentence in a string', value),
  params: (value) =>
    problemUnless(isObject(value) && 'safeParse' in value, 'a zod schema: z.strictObject({ ... })', value),
  capabilities: capabilitiesProblem,
  create: (value) => problemUnless(typeof value === 'function', 'a function', value),
};

/**
 * Returns what is wrong with a definition, one sentence for each wrong field, which it names; nothing for a good one. It takes
 * any value, such as the default export of a module, and does not throw.
 */
export function definitionProblems(value: unknown): readonly string[] {
  if (!isObject(value)) return [`the definition must be an object, got ${describeValue(value)}`];
  return Object.entries(fields).flatMap(([field, problemOf]) => {
    const problem = problemOf(Reflect.get(value, field));
    return problem === undefined ? [] : [`${field} ${problem}`];
  });
}

/** Returns why `name` is no name for a policy, or `undefined`. */
function nameProblem(name: unknown): string | undefined {
  const isName =
    typeof name === 'string' && name.length <= maxNameLength && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name);
  return problemUnless(isName, `kebab-case, such as "my-policy", of at most ${maxNameLength} letters`, name);
}

/** What each capability may be set to. */
const capabilities: Readonly<Record<keyof Capabilities, 'flag' | readonly string[]>> = {
  dispatches: 'flag',
  preempts: ['recompute', 'swap'],
  leavesPressure: 'flag',
  dropsParameters: 'flag',
  unlimitedMemory: 'flag',
  migrates: 'flag',
  scales: 'flag',
  isOracle: 'flag',
};

function capabilitiesProblem(declared: unknown): string | undefined {
  if (!isObject(declared)) return problemUnless(false, 'an object', declared);
  for (const [name, value] of Object.entries(declared)) {
    if (!isKeyOf(capabilities, name)) return `has no "${name}"; there are ${quoted(capabilities)}`;
    const allowed = capabilities[name];
    const problem = value === undefined ? undefined : capabilityProblem(allowed, value);
    if (problem !== undefined) return `${name} ${problem}`;
  }
  return undefined;
}

function capabilityProblem(allowed: 'flag' | readonly string[], value: unknown): string | undefined {
  if (allowed === 'flag') return problemUnless(typeof value === 'boolean', 'true or false', value);
  const isList = Array.isArray(value) && value.every((each) => allowed.includes(each as string));
  return problemUnless(isList, `a list of "${allowed.join('", "')}"`, value);
}

function problemUnless(isRight: boolean, what: string, value: unknown): string | undefined {
  return isRight ? undefined : `must be ${what}, got ${describeValue(value)}`;
}

function quoted(table: Readonly<Record<string, unknown>>): string {
  return `"${Object.keys(table).join('", "')}"`;
}

function isKeyOf<Table extends object>(table: Table, key: unknown): key is keyof Table {
  return typeof key === 'string' && Object.hasOwn(table, key);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
