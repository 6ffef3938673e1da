import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError, messageOf, PolicyError } from '../../harness/base/errors.ts';
import type { ResolvedConfig } from '../../harness/config/index.ts';
import type { RunPlan } from '../../harness/run/plan.ts';
import { WorkerPool } from '../../harness/run/worker-pool.ts';

/** What became of a configuration: the first three are right, the last is a mistake of the product. */
export type Outcome =
  | { readonly kind: 'refused' | 'ran' | 'too large to run here' }
  | { readonly kind: 'wrong'; readonly why: string };

/** Longest wall time of a plan and of a cell, in milliseconds. */
const timeoutMs = 60_000;

/** Longest virtual time of a cell, and bounds on the plans that are run at all. */
const maxVirtualUs = 2_000_000;
const maxRequests = 2000;
const maxInstances = 32;
const maxSamples = 50_000;

/** Tries configurations in the product's own worker processes, so that one that hangs or crashes ends a worker alone. */
export class Trials {
  #pool = new WorkerPool();

  close(): void {
    this.#pool.close();
  }

  /** Plans the configuration `file` in `cwd`, and where it is small enough runs a cell of it, simulated. */
  async outcomeOf(file: string, cwd: string): Promise<Outcome> {
    const flags = { mode: 'simulate' };
    const request = { kind: 'file', file, cwd, overrides: [], flags } as const;
    const plan = await this.#limited(() => this.#pool.run('plan', request));
    if ('error' in plan) return refusal(plan.error);
    return isSmall(plan.value) ? await this.#run(plan.value) : { kind: 'too large to run here' };
  }

  async #run({ config, stacks }: RunPlan): Promise<Outcome> {
    const dir = mkdtempSync(join(tmpdir(), 'fuzz-cell-'));
    const seed = config.seeds[0] ?? 1;
    const stackName = stacks[0]?.name ?? '';
    const job = { id: `${stackName}-s${seed}`, config: shortened(config), stackName, seed, dir };
    try {
      const cell = await this.#limited(() => this.#pool.run('cell', job));
      return 'error' in cell ? failure(cell.error) : { kind: 'ran' };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  async #limited<T>(task: () => Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    try {
      const value = await Promise.race([task(), late]);
      if (value !== 'late') return { value };
      this.#pool.close();
      this.#pool = new WorkerPool();
      return { error: new Error(`no end after ${timeoutMs} ms`) };
    } catch (error) {
      return { error };
    } finally {
      clearTimeout(timer);
    }
  }
}

function isSmall({ numRequests, config: { cluster, execution } }: RunPlan): boolean {
  const { numInstances, maxInstances: most, loadReports } = cluster;
  const numSamples = (maxVirtualUs * Math.max(numInstances, most)) / execution.sampleIntervalUs;
  const numReports = loadReports.kind === 'every' ? maxVirtualUs / loadReports.us : 0;
  return numRequests <= maxRequests && most <= maxInstances && numSamples + numReports <= maxSamples;
}

function shortened(config: ResolvedConfig): ResolvedConfig {
  const maxDurationUs = Math.min(config.execution.maxDurationUs, maxVirtualUs);
  return { ...config, execution: { ...config.execution, maxDurationUs } };
}

/** A refusal is right when every mistake has a place. */
function refusal(error: unknown): Outcome {
  if (!(error instanceof InputError)) return { kind: 'wrong', why: `plan: ${described(error)}` };
  const placeless = error.issues.find(({ path, line }) => path === '' && line === undefined);
  return placeless === undefined
    ? { kind: 'refused' }
    : { kind: 'wrong', why: `plan: no place: ${JSON.stringify(placeless)}` };
}

/** A policy that fails, and a stack that leaves requests without a way on, are told as such and no mistake. */
function failure(error: unknown): Outcome {
  const isTold = error instanceof PolicyError || /^(Stuck|Endless)Error/.test(described(error));
  return isTold ? { kind: 'ran' } : { kind: 'wrong', why: `cell: ${described(error)}` };
}

function described(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? messageOf(error);
}
