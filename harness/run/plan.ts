import { buildWorkload } from '../../workloads/index.ts';
import type { TraceReport } from '../../workloads/index.ts';
import { must } from '../base/assert.ts';
import { InputError } from '../base/errors.ts';
import type { Manifest, StackInfo } from '../metrics/results.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { loadConfig, scaleModel } from '../config/index.ts';
import type { ConfigFlags, ResolvedConfig, StackSpec } from '../config/index.ts';
import type { CellGuard } from './cell-job.ts';
import { type HashedPlugin, hashPlugins } from './hash-plugins.ts';
import { createPolicyResolver, loadPolicy } from './load-policy.ts';
import type { LoadedPolicy } from './load-policy.ts';

/** Which run is meant: a configuration with flags, or a configuration that is already resolved (replay). */
export type PlanRequest =
  | {
      readonly kind: 'file';
      readonly file: string;
      readonly cwd: string;
      readonly overrides: readonly string[];
      readonly flags: ConfigFlags;
    }
  | { readonly kind: 'resolved'; readonly config: ResolvedConfig };

/** Everything that is known before the first cell runs. Plain data: it comes from a worker process. */
export interface RunPlan {
  readonly config: ResolvedConfig;
  readonly stacks: readonly StackInfo[];
  /** Requests of the first seed; other seeds differ a little where arrivals are random. */
  readonly numRequests: number;
  readonly traces: readonly TraceReport[];
  /**
   * Checksum of every plug-in with the files that it imports, and the version of a package, by what the configuration calls it:
   * an edited policy is another experiment.
   */
  readonly plugins: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly scaleModel: Manifest['scale_model'];
}

/**
 * Reads and checks everything a run needs, and changes nothing. It imports plug-ins, so it runs in a worker process,
 * where one that never comes back can be ended. Throws an `InputError` with all that is wrong.
 */
export async function planRun(request: PlanRequest, guard: CellGuard): Promise<RunPlan> {
  const asked = request.kind === 'resolved' ? request.config : await load(request, guard);
  const { workload, traces, warnings } = await buildWorkload({
    sources: asked.workload,
    classes: asked.classes,
    seed: must(asked.seeds[0], 'seed'),
    baseDir: asked.baseDir,
  });
  const plugins = await hashPlugins(asked);
  const config = {
    ...asked,
    workload: withHashes(asked.workload, traces),
    stacks: withPluginHashes(asked.stacks, plugins),
  };
  const stacks: LoadedStack[] = [];
  for (const stack of config.stacks) stacks.push(await loadStack(stack, config, guard));
  requireDistinctNames(stacks);
  const { numRequests } = workload;
  return {
    config,
    stacks: stacks.map(describeStack),
    numRequests,
    traces,
    plugins: Object.fromEntries(plugins.map((plugin) => [plugin.use, describePlugin(plugin)])),
    warnings: [
      ...warnings,
      ...budgetWarnings(stacks, config),
      ...plugins.flatMap(({ warning }) => warning ?? []),
    ],
    scaleModel: scaleModel(config, workload),
  };
}

/** Notes what the trace files hold now, so that a cell that finds something else refuses it. */
function withHashes(
  sources: ResolvedConfig['workload'],
  traces: readonly TraceReport[],
): ResolvedConfig['workload'] {
  const reports = traces.values();
  return sources.map((source) =>
    source.kind === 'trace'
      ? { ...source, sha256: must(reports.next().value, 'report of a trace').sha256 }
      : source,
  );
}

function describePlugin({ sha256, version }: HashedPlugin): string {
  return version === undefined ? `sha256:${sha256}` : `${version}, sha256:${sha256}`;
}

/** Notes what the plug-ins are now, for the same reason. */
function withPluginHashes(
  stacks: readonly StackSpec[],
  plugins: readonly HashedPlugin[],
): readonly StackSpec[] {
  const hashes = new Map(plugins.map(({ use, sha256 }) => [use, sha256]));
  return stacks.map(({ name, policies }) => ({
    name,
    policies: policies.map(({ use, params }) => {
      const sha256 = hashes.get(use);
      return { use, params, ...(sha256 !== undefined && { sha256 }) };
    }),
  }));
}

function load(request: Extract<PlanRequest, { kind: 'file' }>, guard: CellGuard): Promise<ResolvedConfig> {
  const { file, cwd, overrides, flags } = request;
  return loadConfig({ file, cwd, overrides, flags, resolver: createPolicyResolver(guard) });
}

interface LoadedStack {
  readonly name: string;
  readonly policies: readonly LoadedPolicy[];
}

async function loadStack(
  { name, policies }: StackSpec,
  { baseDir }: ResolvedConfig,
  guard: CellGuard,
): Promise<LoadedStack> {
  const loaded: LoadedPolicy[] = [];
  for (const use of policies) loaded.push(await loadPolicy(use, baseDir, guard));
  return { name, policies: loaded };
}

/** Refuses a stack with two policies of one name: decisions, figures and random streams are told apart by it. */
function requireDistinctNames(stacks: readonly LoadedStack[]): void {
  const issues = stacks.flatMap(({ name, policies }) => {
    const names = policies.map(({ definition }) => definition.name);
    const twice = names.find((each, index) => names.indexOf(each) !== index);
    if (twice === undefined) return [];
    return [{ source: 'policies', path: name, message: `two policies of the stack are called "${twice}"` }];
  });
  if (issues.length > 0) throw new InputError(issues);
}

function describeStack({ name, policies }: LoadedStack): StackInfo {
  const definitions = policies.map(({ definition }) => definition);
  return {
    name,
    family: familyOf(definitions),
    policies: policies.map(({ definition, params }) => ({ name: definition.name, params })),
    is_oracle: definitions.some(({ capabilities }) => capabilities.isOracle === true),
  };
}

/** An autoscaler without room for more instances than there are at the start looks as if it did nothing. */
function budgetWarnings(
  stacks: readonly LoadedStack[],
  { cluster: { numInstances, maxInstances } }: ResolvedConfig,
): readonly string[] {
  const scaling = stacks.filter(({ policies }) =>
    policies.some(({ definition }) => definition.capabilities.scales === true),
  );
  if (scaling.length === 0 || maxInstances > numInstances) return [];
  const names = scaling.map(({ name }) => name).join(', ');
  return [
    `${names}: no more than the ${numInstances} instances of the start are allowed; ` +
      'set cluster.maxInstances for room to scale up',
  ];
}

/**
 * A bound makes the whole stack a bound. Support belongs to no family; a KVCache-centric policy that gives up requests, and
 * moves none, answers what another family leaves open, and counts only where there is none. Two families otherwise are `mixed`.
 */
export function familyOf(
  definitions: readonly Pick<PolicyDefinition, 'family' | 'capabilities'>[],
): StackInfo['family'] {
  const families = new Set<StackInfo['family']>();
  let hasFallback = false;
  for (const { family, capabilities } of definitions) {
    if (family === 'kv-centric' && capabilities.migrates !== true) hasFallback = true;
    else if (family !== 'support') families.add(family);
  }
  if (families.has('bound')) return 'bound';
  const [family = hasFallback ? 'kv-centric' : 'other', ...others] = families;
  return others.length === 0 ? family : 'mixed';
}
