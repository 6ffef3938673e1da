import type { StepCase } from './cases.ts';

/** One side of the benchmark: a model in memory, able to repeat any of the steps. */
export interface Contender {
  /** Library, version, device, threads. */
  readonly description: string;
  /** Fills the caches that the step starts from and warms up; nothing here is timed. */
  prepare(stepCase: StepCase): Promise<PreparedStep>;
}

export interface PreparedStep {
  /** Settings chosen for this case, empty where there is nothing to choose. */
  readonly settings: string;
  /** Runs the step from the same state as every time before. */
  run(): Promise<StepResult>;
  dispose(): Promise<void>;
}

export interface StepResult {
  readonly elapsedUs: number;
  /** Greedy choice of every sequence. */
  readonly tokens: readonly number[];
}

/** Steps that fill caches and branch predictors before anything counts. */
const numWarmUpSteps = 3;

/** Shortest of the warm-up steps, microseconds. */
export async function warmUp(step: PreparedStep): Promise<number> {
  return Math.min(...(await timeSteps(step, numWarmUpSteps)));
}

export async function timeSteps(step: PreparedStep, numSteps: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < numSteps; i += 1) times.push((await step.run()).elapsedUs);
  return times;
}
