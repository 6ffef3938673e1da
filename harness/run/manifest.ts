import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { isoNow } from '../base/clock.ts';
import { ownPackage } from '../base/own-package.ts';
import { schemaVersion } from '../metrics/results.ts';
import type { Manifest, ManifestCell } from '../metrics/results.ts';
import type { PlannedCell } from './matrix.ts';
import type { RunClock } from './run-clock.ts';
import type { RunPlan } from './plan.ts';

/** What runs the steps of this run. */
export interface BackendInfo {
  /** `tensorflow 2.21.0`, `simulated`, or `recorded` for a replay. */
  readonly name: string;
  readonly device: string;
  /** Versions of the libraries that it consists of. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface ManifestFacts {
  readonly plan: RunPlan;
  readonly backend: BackendInfo;
  /** Of a measured run, and of one that replays it. */
  readonly clock?: RunClock | undefined;
  /** Of a replay: what disturbed the recorded cells, by id. */
  readonly disturbances?: ReadonlyMap<string, string>;
  readonly commit: string | undefined;
  /** The command line as the user typed it. */
  readonly command: string;
}

/** The manifest of a run of which nothing has run yet. */
export function createManifest(facts: ManifestFacts, cells: readonly PlannedCell[]): Manifest {
  const { plan, backend, clock, commit, command } = facts;
  const { config } = plan;
  return {
    schema_version: schemaVersion,
    name: config.name,
    created_at: isoNow(),
    command,
    config: toPlainJson(config),
    seeds: [...config.seeds],
    baseline: config.baseline,
    stacks: [...plan.stacks],
    versions: {
      servebench: ownPackage().version,
      node: process.versions.node,
      ...backend.versions,
      ...pluginVersions(plan),
    },
    commit: commit ?? null,
    backend: { name: backend.name, mode: config.execution.mode, device: backend.device },
    ...(clock !== undefined && { clock }),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memory_bytes: totalmem(),
      platform: `${platform()} ${arch()}`,
    },
    traces: plan.traces.map(({ file, sha256 }) => ({ file, sha256 })),
    scale_model: [...plan.scaleModel],
    cells: cells.map(
      ({ id, stackName, seed }): ManifestCell => ({ id, policy: stackName, seed, status: 'missing' }),
    ),
  };
}

const pluginPrefix = 'plug-in ';

function pluginVersions({ plugins }: RunPlan): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(plugins).map(([use, version]) => [`${pluginPrefix}${use}`, version]),
  );
}

/** The part of a manifest's versions that says which plug-ins ran. */
export function pluginsOf({ versions }: Manifest): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(versions).filter(([name]) => name.startsWith(pluginPrefix)));
}

/** The value as a file would give it back: without `undefined`. */
export function toPlainJson(value: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}

const requireHere = createRequire(import.meta.url);

/** Returns the version of an installed package. Throws where it is not installed. */
export function packageVersion(name: string): string {
  return (requireHere(`${name}/package.json`) as { readonly version: string }).version;
}
