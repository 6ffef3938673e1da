import { describeWorkload, renderDescription, buildWorkload, traceSourceOf } from '../../workloads/index.ts';
import type { WorkloadRequest } from '../../workloads/index.ts';
import { WorkerPool } from '../run/worker-pool.ts';

export interface DescribeFlags {
  readonly seed: number;
  readonly format: 'table' | 'json';
}

/** Returns the text of `bench trace describe` for a trace file or for the workload of a configuration. */
export async function describeWorkloadOf(file: string, { seed, format }: DescribeFlags): Promise<string> {
  const isConfig = /\.ya?ml$/.test(file);
  const request = isConfig ? await requestOfConfig(file, seed) : await requestOfTrace(file, seed);
  const { workload, warnings } = await buildWorkload(request);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  const description = describeWorkload(workload);
  return format === 'json' ? JSON.stringify(description, undefined, 2) : renderDescription(description);
}

async function requestOfTrace(file: string, seed: number): Promise<WorkloadRequest> {
  const baseDir = process.cwd();
  const source = await traceSourceOf(file, baseDir);
  const classes = [{ name: source.class, priority: 0, slo: {} }];
  return { sources: [source], classes, seed, baseDir };
}

async function requestOfConfig(file: string, seed: number): Promise<WorkloadRequest> {
  const pool = new WorkerPool();
  try {
    const request = { kind: 'file', file, cwd: process.cwd(), overrides: [], flags: {} } as const;
    const { config } = await pool.run('plan', request);
    return { sources: config.workload, classes: config.classes, seed, baseDir: config.baseDir };
  } finally {
    pool.close();
  }
}
