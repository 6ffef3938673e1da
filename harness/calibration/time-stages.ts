import { shuffler } from 'd3-array';
import type { Rng } from '../base/rng.ts';
import { mean } from '../base/stats.ts';
import type { MicroBatch, Stage } from '../core/executor.ts';
import { asInstanceId, asRequestId } from '../domain/ids.ts';
import { type LayerRange, type ModelShape } from '../domain/model-shape.ts';
import { madeBatch } from '../executors/made-batch.ts';
import type { MeasuredExecutor } from '../executors/measured.ts';
import { stageCounts } from '../executors/stage-counts.ts';
import type { CalibrationBatch } from './batches.ts';
import type { TimedStage } from './fit.ts';

const instance = asInstanceId(0);

/** Runs of each batch that are timed, after one that is not. */
const numRuns = 15;

/** Share of the runs, the fastest and the slowest, that are left out of the mean: others disturb some, and compiling. */
const trimmedShare = 0.2;

export interface StageTimer {
  readonly executor: MeasuredExecutor;
  readonly model: ModelShape;
  readonly blockSizeTokens: number;
  /** For the order of the runs. */
  readonly rng: Rng;
  onProgress(done: number, planned: number): void;
}

/** What the stages of each batch took. */
export type TimedBatch = readonly TimedStage[];

/** Times the stages of all batches on one instance, run by run in random order, so that drift falls on all alike. */
export function timeStages(batches: readonly CalibrationBatch[], timer: StageTimer): readonly TimedBatch[] {
  const { executor, model, rng } = timer;
  const layers = { first: 0, count: model.numLayers };
  const shuffled = shuffler(() => rng.uniform());
  executor.startInstance(instance, layers, cellsFor(batches, timer));
  const times = batches.map(({ stages }) => stages.map((): number[] => []));
  for (let run = 0; run <= numRuns; run += 1) {
    for (const [position, index] of shuffled([...batches.keys()]).entries()) {
      const took = runOnce(batches[index] as CalibrationBatch, timer);
      if (run > 0) for (const [stage, us] of took.entries()) times[index]?.[stage]?.push(us);
      timer.onProgress(run * batches.length + position + 1, (numRuns + 1) * batches.length);
    }
  }
  executor.stopInstance(instance);
  return batches.map((batch, index) => timed(batch, times[index] as number[][], timer));
}

function timed(
  { entries, stages }: CalibrationBatch,
  times: readonly (readonly number[])[],
  { model, blockSizeTokens }: StageTimer,
): TimedBatch {
  const batch = madeBatch(entries);
  const geometry = { numKvHeads: model.numKvHeads, headDim: model.headDim, blockSizeTokens };
  return stages.map((layers, index) => ({
    counts: stageCounts(batch, stageOf(stages, layers), geometry),
    us: trimmedMean(times[index] as readonly number[]),
  }));
}

/** Runs the stages of a batch and returns what each took, in microseconds. */
function runOnce({ entries, stages }: CalibrationBatch, { executor }: StageTimer): readonly number[] {
  const batch = madeBatch(entries);
  openRequests(batch, executor);
  const took = stages.map((layers) => executor.runStage(batch, stageOf(stages, layers)));
  executor.abandonBatch(batch);
  for (const requestId of Array.from(batch.requestIds)) executor.endRequest(requestId, 0);
  return took;
}

/** Requests whose prompts are as long as what is computed of them; nothing in it is ever read but by attention. */
function openRequests(batch: MicroBatch, executor: MeasuredExecutor): void {
  for (let index = 0; index < batch.size; index += 1) {
    executor.addRequest({
      id: asRequestId(index),
      className: 'calibration',
      promptTokens: (batch.pastTokens[index] as number) + (batch.numTokens[index] as number),
      outputTokens: 1,
      outputLimitTokens: 1,
      arrival: { kind: 'at', timeUs: 0 },
    });
  }
}

function stageOf(stages: readonly LayerRange[], layers: LayerRange): Stage {
  const stageIndex = stages.indexOf(layers);
  return {
    instanceId: instance,
    stageIndex,
    layers,
    isFirst: stageIndex === 0,
    isLast: stageIndex === stages.length - 1,
  };
}

/** KV cells for the largest of the batches. */
function cellsFor(batches: readonly CalibrationBatch[], { model, blockSizeTokens }: StageTimer): number {
  const blocks = batches.map(({ entries }) =>
    entries.reduce(
      (sum, entry) => sum + Math.ceil((entry.numTokens + entry.pastTokens) / blockSizeTokens),
      0,
    ),
  );
  return model.numLayers * Math.max(...blocks);
}

function trimmedMean(times: readonly number[]): number {
  const numTrimmed = Math.floor(times.length * trimmedShare);
  return mean(times.toSorted((a, b) => a - b).slice(numTrimmed, times.length - numTrimmed)) ?? 0;
}
