import { runTiny } from '../../../harness/conformance/tiny-cluster.ts';
import type { RequestRecord } from '../../../harness/core/observer.ts';
import type { RequestSpec } from '../../../harness/domain/workload.ts';
import { policies } from '../../../policies/index.ts';
import { engine, type ReplayCase, timingTable } from './cases.ts';
import type { Outcome } from './outcomes.ts';
import { TableExecutor } from './table-executor.ts';

interface Served {
  readonly outcomes: readonly Outcome[];
  readonly numPreemptions: number;
  /** Share of the step time that went into prefill. */
  readonly prefillRatio: number;
}

/** Our simulated core: requests go to the instances in turn, and preempted ones are computed again, as Dynamo has it. */
export function serve(replayCase: ReplayCase, specs: readonly RequestSpec[]): Served {
  const promptTokens = specs.map((spec) => spec.promptTokens);
  const executor = new TableExecutor(timingTable, engine.blockSizeTokens, promptTokens);
  const { seen } = runTiny({
    specs,
    policies: [policies['round-robin'], policies.recompute],
    blocks: replayCase.numBlocks,
    numInstances: replayCase.numInstances,
    maxRunning: engine.maxRunning,
    maxBatchTokens: engine.maxBatchTokens,
    executor,
    sampleIntervalUs: 1e9,
    maxDurationUs: 1e12,
    checkEvery: 0,
  });
  return {
    outcomes: seen.requests.map(outcomeOf),
    numPreemptions: seen.requests.reduce((sum, { numPreemptions }) => sum + numPreemptions, 0),
    prefillRatio: executor.prefillUs / (executor.prefillUs + executor.decodeUs),
  };
}

function outcomeOf(record: RequestRecord): Outcome {
  const { id, status, arrivedAtUs, firstTokenAtUs, endedAtUs, promptTokens, outputTokens } = record;
  if (status !== 'finished' || firstTokenAtUs === undefined || endedAtUs === undefined)
    throw new Error(`request ${id} is ${status}`);
  return {
    arrivedMs: arrivedAtUs / 1000,
    promptTokens,
    outputTokens,
    firstTokenMs: firstTokenAtUs / 1000,
    lastTokenMs: endedAtUs / 1000,
  };
}
