import {
  buildWorkload,
  describeWorkload,
  renderDescription,
  spanOf,
  traceSourceOf,
} from '../../workloads/index.ts';
import type { WorkloadRequest } from '../../workloads/index.ts';
import { WorkerPool } from '../run/worker-pool.ts';

export interface DescribeFlags {
  readonly seed: number;
  readonly format: 'table' | 'json';
}

/** Returns the text of `bench trace describe` for a trace file or for the workload of a configuration. */
export async function describeWorkloadOf(file: string, { seed, format }: DescribeFlags): Promise<string> {
  const isConfig = /\.ya?ml$/.test(file);
  const { guess, ...request } = isConfig
    ? await requestOfConfig(file, seed)
    : await requestOfTrace(file, seed);
  const { workload, warnings, traces } = await buildWorkload(request);
  for (const trace of guess === undefined ? [] : traces) {
    console.error(`note: ${file}: read as ${guess}, a guess; ${spanOf(trace)}`);
  }
  for (const warning of warnings) console.error(`warning: ${warning}`);
  const description = describeWorkload(workload);
  return format === 'json' ? JSON.stringify(description, undefined, 2) : renderDescription(description);
}

/** What to describe; `guess` is the format of a trace file, which nobody has named. */
type Described = WorkloadRequest & { readonly guess?: string };

async function requestOfTrace(file: string, seed: number): Promise<Described> {
  const baseDir = process.cwd();
  const { source, guess } = await traceSourceOf(file, baseDir);
  const classes = [{ name: source.class, priority: 0, slo: {} }];
  return { sources: [source], classes, seed, baseDir, guess };
}

async function requestOfConfig(file: string, seed: number): Promise<Described> {
  const pool = new WorkerPool();
  try {
    const request = { kind: 'file', file, cwd: process.cwd(), overrides: [], flags: {} } as const;
    const { config } = await pool.run('plan', request);
    return { sources: config.workload, classes: config.classes, seed, baseDir: config.baseDir };
  } finally {
    pool.close();
  }
}
