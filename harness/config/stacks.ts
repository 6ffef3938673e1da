import { relative, resolve } from 'node:path';
import type { InputIssue } from '../base/errors.ts';
import { messageOf } from '../base/errors.ts';
import { coversPressure } from '../policy/capabilities.ts';
import { isMapping } from './document.ts';
import type { Path } from './document.ts';
import type { Origin } from './origin.ts';
import { parsePolicyFlag } from './policy-flag.ts';
import { isPolicyPath } from './policy-resolver.ts';
import type { PolicyInfo, PolicyResolver } from './policy-resolver.ts';
import type { PolicyUse, StackSpec } from './resolved.ts';
import type { PolicyUseInput } from './schema.ts';
import { stackSchema } from './schema.ts';
import { suggest } from '../base/suggest.ts';
import { validate } from './validate.ts';

/** A stack with the definitions of its policies. */
export interface LoadedStack {
  readonly spec: StackSpec;
  readonly policies: readonly PolicyInfo[];
}

export interface StackContext {
  readonly resolver: PolicyResolver;
  /** Folder of the configuration, to which paths of plug-ins are relative. */
  readonly baseDir: string;
  readonly origin: Origin;
}

interface LoadedUse {
  readonly use: PolicyUse;
  readonly info: PolicyInfo;
}

/**
 * Policies added to a stack: the dispatcher before a policy that does not dispatch, the fallback after one
 * that does not preempt by recomputing.
 */
const defaultDispatcher = 'least-loaded';
const defaultFallback = 'recompute';

/**
 * Finds and checks every policy of every stack. It takes the raw mapping, so that a malformed stack does not
 * hide the mistakes in others.
 */
export async function loadStacks(
  policies: unknown,
  context: StackContext,
): Promise<{ readonly stacks: readonly LoadedStack[]; readonly issues: readonly InputIssue[] }> {
  const stacks: LoadedStack[] = [];
  const issues: InputIssue[] = [];
  for (const [name, raw] of Object.entries(isMapping(policies) ? policies : {})) {
    const path = ['policies', name];
    const uses = validate(stackSchema, raw, context.origin, path);
    if (!uses.ok) continue; // These issues are reported with those of the whole file.
    const loaded = await loadUses(uses.value, { ...context, path });
    issues.push(...loaded.issues);
    if (loaded.issues.length > 0) continue;
    const stack = toStack(name, loaded.uses);
    if (stack.policies.some((policy) => policy.capabilities.dispatches === true)) stacks.push(stack);
    else issues.push(context.origin.issue(path, noDispatcher(name)));
  }
  return { stacks, issues };
}

/**
 * Builds the stack that a `--policy` adds, under its alias or the policy's own name: the policy, after the default dispatcher if it does
 * not dispatch, and before `recompute` if it leaves memory pressure to another. Paths are relative to `cwd`.
 */
export async function loadAddedStack(
  text: string,
  { cwd, ...context }: StackContext & { readonly cwd: string },
): Promise<{ readonly stack: LoadedStack } | { readonly issues: readonly InputIssue[] }> {
  const flag = parsePolicyFlag(text);
  if ('issues' in flag) return flag;
  const { alias, use, params } = flag;
  const asked = { use: isPolicyPath(use) ? toRelative(resolve(cwd, use), context.baseDir) : use, params };
  const ofFlag = { ...context, origin: flagOrigin(`--policy ${text}`), path: [] };
  const added = await loadUses([asked], ofFlag);
  const [own] = added.uses;
  if (own === undefined) return { issues: added.issues };
  const { name, capabilities } = own.info;
  const uses = [
    ...(capabilities.dispatches === true ? [] : [defaultDispatcher]),
    asked,
    ...(coversPressure(capabilities) ? [] : [defaultFallback]),
  ];
  const all = await loadUses(uses, ofFlag);
  return all.issues.length > 0 ? { issues: all.issues } : { stack: toStack(alias ?? name, all.uses) };
}

/**
 * Tells whether the stack contains a bound, which shows the possible gain and is not a policy that could be
 * deployed.
 */
export function isBound(stack: LoadedStack): boolean {
  return stack.policies.some((policy) => policy.family === 'bound');
}

async function loadUses(
  inputs: readonly PolicyUseInput[],
  context: StackContext & { readonly path: Path },
): Promise<{ readonly uses: readonly LoadedUse[]; readonly issues: readonly InputIssue[] }> {
  const uses: LoadedUse[] = [];
  const issues: InputIssue[] = [];
  for (const [index, input] of inputs.entries()) {
    const loaded = await loadUse(input, { ...context, path: [...context.path, index] });
    if (loaded.ok) uses.push(loaded.value);
    else issues.push(...loaded.issues);
  }
  return { uses, issues };
}

async function loadUse(input: PolicyUseInput, context: StackContext & { readonly path: Path }) {
  const { resolver, baseDir, origin, path } = context;
  const { use, params } = typeof input === 'string' ? { use: input, params: {} } : input;
  const usePath = typeof input === 'string' ? path : [...path, 'use'];
  const fail = (message: string, hint?: string) => {
    return { ok: false, issues: [origin.issue(usePath, { message, hint })] } as const;
  };
  let info: PolicyInfo | undefined;
  try {
    info = await resolver.resolve(use, baseDir);
  } catch (error) {
    return fail(`cannot be loaded: ${messageOf(error)}`);
  }
  if (info === undefined) {
    if (isPolicyPath(use)) return fail(`there is no file ${resolve(baseDir, use)}`, pathRule);
    return fail(`there is no policy "${use}"`, suggest(use, resolver.names));
  }
  const checked = validate(info.params, params, origin, [...path, 'params']);
  if (!checked.ok) return checked;
  return { ok: true, value: { use: { use, params: toRecord(checked.value) }, info } } as const;
}

function toStack(name: string, uses: readonly LoadedUse[]): LoadedStack {
  return { spec: { name, policies: uses.map(({ use }) => use) }, policies: uses.map(({ info }) => info) };
}

function noDispatcher(name: string) {
  return {
    message: `no policy of the stack "${name}" dispatches requests`,
    hint: `put ${defaultDispatcher} in front`,
    part: 'key' as const,
  };
}

const pathRule =
  'a path is relative to the folder of the configuration, also in --set; in --policy to the working folder';

/** Places issues in a flag with one policy, so the position in the stack, the first part of each path, is left out, and `use` as well. */
function flagOrigin(source: string): Origin {
  return {
    issue: ([, ...path], { message, hint }) => ({
      source,
      path: path.length === 1 ? '' : path.join('.'),
      message,
      ...(hint !== undefined && { hint }),
    }),
  };
}

/** Returns a relative path that always begins with a dot, so that it is still recognized as a path. */
function toRelative(file: string, baseDir: string): string {
  const path = relative(baseDir, file).replaceAll('\\', '/');
  return path.startsWith('.') ? path : `./${path}`;
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isMapping(value) ? value : {};
}
