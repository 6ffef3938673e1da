import { dirname, resolve } from 'node:path';
import type { ModelShape } from '../domain/model-shape.ts';
import { isProfileOf } from '../domain/stage-profile.ts';
import { must } from '../base/assert.ts';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import { readConfigDocument } from './catalog.ts';
import { crossCheck } from './checks.ts';
import type { Draft } from './draft.ts';
import { isMapping } from './document.ts';
import {
  nameOfFile,
  normalizeClasses,
  normalizeExecution,
  normalizeFaults,
  normalizeSources,
  normalizeWindow,
  seedsOf,
} from './normalize.ts';
import { createOrigin } from './origin.ts';
import type { Origin } from './origin.ts';
import { applyOverrides, parseOverride } from './overrides.ts';
import type { Override } from './overrides.ts';
import type { PolicyResolver } from './policy-resolver.ts';
import { resolveHardware, resolveModel } from './resolve.ts';
import type { ClusterSpec, ResolvedConfig } from './resolved.ts';
import { validateSections } from './schema.ts';
import type { Config } from './schema.ts';
import { isBound, loadAddedStack, loadStacks } from './stacks.ts';
import type { LoadedStack } from './stacks.ts';
import type { Validated } from './validate.ts';

/** Flags that set a value of the configuration; they take precedence over the file and over `--set`. */
export interface ConfigFlags {
  readonly seed?: number;
  readonly repeats?: number;
  readonly mode?: string;
  readonly clock?: string;
  readonly seedsSimulated?: number;
  /**
   * Policies that are each added as a stack (see `stacks.ts`): built-in names, paths relative to `cwd`, or
   * packages.
   */
  readonly policies?: readonly string[];
}

export interface LoadRequest {
  /** Configuration file, relative to `cwd`. */
  readonly file: string;
  /** Texts of `--set`, such as `a.b=c`. */
  readonly overrides?: readonly string[];
  readonly flags?: ConfigFlags;
  readonly resolver: PolicyResolver;
  readonly cwd?: string;
}

/**
 * Loads the configuration of a run from a file and flags: parse, override, validate, normalize, resolve.
 * Throws an `InputError` with all mistakes at once; if the file is not valid YAML, only with its syntax
 * errors.
 */
export async function loadConfig(request: LoadRequest): Promise<ResolvedConfig> {
  const { file, cwd = process.cwd() } = request;
  const document = readConfigDocument(resolve(cwd, file), file);
  if (!document.ok) throw new InputError(document.issues);
  const { overrides, issues: flagIssues } = collectOverrides(request);
  const overridden = applyOverrides(document.value.value, overrides);
  const draft = await makeDraft(overridden.value, {
    ...request,
    cwd,
    baseDir: dirname(resolve(cwd, file)),
    origin: createOrigin(document.value, overridden.applied),
  });
  const issues = [...flagIssues, ...overridden.issues, ...draft.issues];
  if (issues.length > 0) throw new InputError(inReadingOrder(issues));
  return finish(draft, file);
}

function collectOverrides({ overrides = [], flags = {} }: LoadRequest) {
  const parsed = overrides.map(parseOverride);
  return {
    issues: parsed.filter((entry): entry is InputIssue => 'message' in entry),
    overrides: [
      ...parsed.filter((entry): entry is Override => 'value' in entry),
      ...flagOverride('seed', ['seed'], flags.seed),
      ...flagOverride('repeats', ['repeats'], flags.repeats),
      ...flagOverride('mode', ['execution', 'mode'], flags.mode),
      ...flagOverride('clock', ['execution', 'clock'], flags.clock),
      ...flagOverride('seeds-simulated', ['execution', 'seedsSimulated'], flags.seedsSimulated),
    ],
  };
}

function flagOverride(
  flag: string,
  path: readonly string[],
  value: number | string | undefined,
): readonly Override[] {
  return value === undefined ? [] : [{ source: `--${flag} ${value}`, path, value }];
}

interface DraftContext extends LoadRequest {
  readonly cwd: string;
  readonly baseDir: string;
  readonly origin: Origin;
}

interface CheckedDraft extends Draft {
  readonly stacks: readonly LoadedStack[];
  readonly issues: readonly InputIssue[];
}

/** Runs all phases on whatever is valid so far and collects the issues of each. */
async function makeDraft(value: unknown, context: DraftContext): Promise<CheckedDraft> {
  const { baseDir, origin } = context;
  const issues: InputIssue[] = [];
  const keep = <T>(result: Validated<T> | undefined): T | undefined => {
    if (result?.ok === false) issues.push(...result.issues);
    return result?.ok === true ? result.value : undefined;
  };
  const sections = validateSections(value, origin);
  issues.push(...sections.issues);
  const { config } = sections;
  const model = keep(config.model === undefined ? undefined : resolveModel(config.model, context));
  const cluster = keep(config.cluster && resolveCluster(config.cluster, context));
  const loaded = await loadAllStacks(isMapping(value) ? value['policies'] : undefined, context);
  issues.push(...loaded.issues);
  const sources = config.workload && normalizeSources(config.workload);
  const { classes, slo } = config;
  const draft = {
    config,
    baseDir,
    model,
    cluster,
    sources,
    classes: sources && classes && slo && normalizeClasses({ classes, slo }, sources),
    stackNames: loaded.names,
  };
  return { ...draft, stacks: loaded.stacks, issues: [...issues, ...crossCheck(draft, origin)] };
}

function resolveCluster(cluster: Config['cluster'], context: DraftContext): Validated<ClusterSpec> {
  const hardware = resolveHardware(cluster.hardware, context);
  if (!hardware.ok) return hardware;
  const { instances, maxInstances = instances, stagesPerGroup, loadReports } = cluster;
  const faults = normalizeFaults(cluster.faults);
  return {
    ok: true,
    value: {
      numInstances: instances,
      maxInstances,
      stagesPerGroup,
      hardware: hardware.value,
      loadReports,
      faults,
    },
  };
}

/**
 * Loads the stacks of the file, then one for each `--policy` whose name is not a stack of the file already.
 */
async function loadAllStacks(policies: unknown, context: DraftContext) {
  const ofFile = await loadStacks(policies, context);
  const names = isMapping(policies) ? Object.keys(policies) : [];
  const stacks = [...ofFile.stacks];
  const issues = [...ofFile.issues];
  for (const use of context.flags?.policies ?? []) {
    if (names.includes(use)) continue;
    const added = await loadAddedStack(use, context);
    if ('issues' in added) {
      issues.push(...added.issues);
      continue;
    }
    const { name } = added.stack.spec;
    if (names.includes(name)) issues.push(duplicateStack(use, name));
    else stacks.push(added.stack);
    names.push(name);
  }
  return { stacks, issues, names };
}

function duplicateStack(use: string, name: string): InputIssue {
  const message = `there is already a policy stack "${name}"`;
  return { source: `--policy ${use}`, path: '', message, hint: 'rename one of the two' };
}

/** Sorts issues by source, and within a source by position. */
function inReadingOrder(issues: readonly InputIssue[]): readonly InputIssue[] {
  const sources = [...new Set(issues.map(({ source }) => source))];
  const rank = ({ source, line = 0, column = 0 }: InputIssue) =>
    [sources.indexOf(source), line, column] as const;
  return issues.toSorted((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    return first[0] - second[0] || first[1] - second[1] || first[2] - second[2];
  });
}

/** Assembles the result from a draft without issues, in which every part is present. */
function finish(draft: CheckedDraft, file: string): ResolvedConfig {
  const config = draft.config as Config;
  const stacks = draft.stacks.map(({ spec }) => spec);
  const reference = draft.stacks.find((stack) => !isBound(stack)) ?? draft.stacks[0];
  return {
    name: config.name ?? nameOfFile(file),
    baseDir: draft.baseDir,
    seeds: seedsOf(config),
    model: must(draft.model, 'model'),
    cluster: calibratedFor(must(draft.model, 'model'), must(draft.cluster, 'cluster'), config.engine),
    engine: config.engine,
    execution: normalizeExecution(config.execution, draft.baseDir),
    workload: must(draft.sources, 'workload'),
    classes: must(draft.classes, 'classes'),
    ...(config.steadyWindow !== undefined && { steadyWindow: normalizeWindow(config.steadyWindow) }),
    stacks,
    baseline: config.baseline ?? must(reference, 'policy stack').spec.name,
    thresholds: config.thresholds,
  };
}

/** A profile of another model, or of other blocks, says nothing about this one: the hardware's own figures count then. */
function calibratedFor(
  model: ModelShape,
  cluster: ClusterSpec,
  { blockSizeTokens }: Config['engine'],
): ClusterSpec {
  const { profile, ...hardware } = cluster.hardware;
  if (profile === undefined || isProfileOf(profile, model, blockSizeTokens)) return cluster;
  return { ...cluster, hardware };
}
