import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buildWorkload } from '../../workloads/index.ts';
import type { TraceReport } from '../../workloads/index.ts';
import { must } from '../base/assert.ts';
import type { Manifest, StackInfo } from '../metrics/results.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import { loadConfig, scaleModel } from '../spec/index.ts';
import type { ConfigFlags, ResolvedConfig, StackSpec } from '../spec/index.ts';
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
  const config = request.kind === 'resolved' ? request.config : await load(request, guard);
  const { workload, traces, warnings } = await buildWorkload({
    sources: config.workload,
    classes: config.classes,
    seed: must(config.seeds[0], 'seed'),
    baseDir: config.baseDir,
  });
  const stacks: StackInfo[] = [];
  for (const stack of config.stacks) stacks.push(await describeStack(stack, config, guard));
  const { numRequests } = workload;
  return {
    config,
    stacks,
    numRequests,
    traces,
    plugins: await hashPlugins(config),
    warnings,
    scaleModel: scaleModel(config, workload),
  };
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

async function describeStack(stack: StackSpec, config: ResolvedConfig, guard: CallGuard): Promise<StackInfo> {
  const loaded: LoadedPolicy[] = [];
  for (const use of stack.policies) loaded.push(await loadPolicy(use, config.baseDir, guard));
  const definitions = loaded.map(({ definition }) => definition);
  return {
    name: stack.name,
    family: familyOf(definitions),
    policies: loaded.map(({ definition, params }) => ({ name: definition.name, params })),
    is_oracle: definitions.some(({ capabilities }) => capabilities.isOracle === true),
  };
}

/**
 * A bound makes the whole stack a bound; support belongs to no family, and neither does a KVCache-centric policy that stands
 * behind another family to answer what that leaves open. Two families otherwise are `mixed`.
 */
export function familyOf(definitions: readonly Pick<PolicyDefinition, 'family'>[]): StackInfo['family'] {
  const families = new Set<StackInfo['family']>();
  for (const { family } of definitions) {
    const isFallback = family === 'kv-centric' && families.size > 0;
    if (family !== 'support' && !isFallback) families.add(family);
  }
  if (families.has('bound')) return 'bound';
  const [family = 'other', ...others] = families;
  return others.length === 0 ? family : 'mixed';
}
