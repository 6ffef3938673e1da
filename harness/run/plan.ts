import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buildWorkload } from '../../workloads/index.ts';
import type { TraceReport } from '../../workloads/index.ts';
import { must } from '../base/assert.ts';
import type { Manifest, StackInfo } from '../metrics/results.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { loadConfig, scaleModel } from '../config/index.ts';
import type { ConfigFlags, ResolvedConfig, StackSpec } from '../config/index.ts';
import type { CallGuard } from './cell-job.ts';
import { createPolicyResolver, loadPolicy, pluginFile } from './load-policy.ts';
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
  /** Checksum of every plug-in's file, by what the configuration calls it: an edited policy is another experiment. */
  readonly plugins: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly scaleModel: Manifest['scale_model'];
}

/**
 * Reads and checks everything a run needs, and changes nothing. It imports plug-ins, so it runs in a worker process,
 * where one that never comes back can be ended. Throws an `InputError` with all that is wrong.
 */
export async function planRun(request: PlanRequest, guard: CallGuard): Promise<RunPlan> {
  const asked = request.kind === 'resolved' ? request.config : await load(request, guard);
  const { workload, traces, warnings } = await buildWorkload({
    sources: asked.workload,
    classes: asked.classes,
    seed: must(asked.seeds[0], 'seed'),
    baseDir: asked.baseDir,
  });
  const config = { ...asked, workload: withHashes(asked.workload, traces) };
  const stacks: LoadedStack[] = [];
  for (const stack of config.stacks) stacks.push(await loadStack(stack, config, guard));
  const { numRequests } = workload;
  return {
    config,
    stacks: stacks.map(describeStack),
    numRequests,
    traces,
    plugins: await hashPlugins(config),
    warnings: [...warnings, ...budgetWarnings(stacks, config)],
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

function load(request: Extract<PlanRequest, { kind: 'file' }>, guard: CallGuard): Promise<ResolvedConfig> {
  const { file, cwd, overrides, flags } = request;
  return loadConfig({ file, cwd, overrides, flags, resolver: createPolicyResolver(guard) });
}

async function hashPlugins({ stacks, baseDir }: ResolvedConfig): Promise<Readonly<Record<string, string>>> {
  const hashes: Record<string, string> = {};
  for (const { use } of stacks.flatMap(({ policies }) => policies)) {
    const file = pluginFile(use, baseDir);
    if (file === undefined) continue;
    hashes[use] = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
  }
  return hashes;
}

interface LoadedStack {
  readonly name: string;
  readonly policies: readonly LoadedPolicy[];
}

async function loadStack(
  { name, policies }: StackSpec,
  { baseDir }: ResolvedConfig,
  guard: CallGuard,
): Promise<LoadedStack> {
  const loaded: LoadedPolicy[] = [];
  for (const use of policies) loaded.push(await loadPolicy(use, baseDir, guard));
  return { name, policies: loaded };
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
