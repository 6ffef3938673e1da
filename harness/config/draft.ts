import type { WorkloadSource } from '../../workloads/index.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { RequestClass } from '../domain/workload.ts';
import type { Path } from './document.ts';
import type { IssueDetails } from './origin.ts';
import type { ClusterSpec } from './resolved.ts';
import type { Config } from './schema.ts';

/** A contradiction between parts of a configuration that are each well-formed. */
export type Finding = IssueDetails & { readonly path: Path };

/** The parts of a configuration that are valid in themselves; an invalid part is undefined or left out. */
export interface Draft {
  readonly config: Partial<Config>;
  readonly baseDir: string;
  readonly model: ModelShape | undefined;
  readonly cluster: ClusterSpec | undefined;
  readonly sources: readonly WorkloadSource[] | undefined;
  readonly classes: readonly RequestClass[] | undefined;
  /** Names of the stacks of the file and of `--policy`, including stacks with mistakes. */
  readonly stackNames: readonly string[];
}

/** Path of a workload source: a single source may be written without a list. */
export function sourcePath({ workload }: Draft['config'], index: number): Path {
  return Array.isArray(workload) ? ['workload', index] : ['workload'];
}
