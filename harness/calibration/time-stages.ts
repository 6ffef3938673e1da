import { shuffler } from 'd3-array';
import type { Rng } from '../base/rng.ts';
import { mean, quantileOfSorted, sorted } from '../base/stats.ts';
import type { MicroBatch, Stage } from '../core/executor.ts';
import { asInstanceId, asRequestId, type InstanceId } from '../domain/ids.ts';
import { type LayerRange, type ModelShape } from '../domain/model-shape.ts';
import { madeBatch } from '../executors/made-batch.ts';
import type { MeasuredExecutor } from '../executors/measured.ts';
import { stageCounts } from '../executors/stage-counts.ts';
import type { CalibrationBatch } from './batches.ts';
import type { TimedStage } from './fit.ts';

/** Batches take turns on several instances, as they do in a cluster: what one has left in the caches is gone then. */
const instances = [0, 1, 2, 3].map(asInstanceId);

/** A beat is timed after so many batches. */
const batchesPerBeat = 8;

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
  readonly onProgress: (done: number, planned: number) => void;
}

export interface Timings {
  /** What the stages of each batch took. */
  readonly batches: readonly (readonly TimedStage[])[];
  /** What a beat between batches took, in microseconds. */
  readonly beatUs: number;
}

/** Times the stages of all batches, run by run in random order, so that drift falls on all alike. */
export function timeStages(batches: readonly CalibrationBatch[], timer: StageTimer): Timings {
  const { executor, model, rng } = timer;
  const layers = { first: 0, count: model.numLayers };
  const shuffled = shuffler(() => rng.uniform());
  const numCells = cellsFor(batches, timer);
  for (const instance of instances) executor.startInstance(instance, layers, numCells);
  const times = batches.map(({ stages }) => stages.map((): number[] => []));
  const beats: number[] = [];
  let numDone = 0;
  for (let run = 0; run <= numRuns; run += 1) {
    for (const index of shuffled([...batches.keys()])) {
      const instance = instances[numDone % instances.length] as InstanceId;
      const took = runOnce(batches[index] as CalibrationBatch, instance, timer);
      if (run > 0) for (const [stage, us] of took.entries()) times[index]?.[stage]?.push(us);
      numDone += 1;
      if (numDone % batchesPerBeat === 0) beats.push(executor.beatUs());
      timer.onProgress(numDone, (numRuns + 1) * batches.length);
    }
  }
  for (const instance of instances) executor.stopInstance(instance);
  return {
    batches: batches.map((batch, index) => timed(batch, times[index] as number[][], timer)),
    beatUs: quantileOfSorted(sorted(beats), 0.5) ?? 0,
  };
}

function timed(
  { entries, stages }: CalibrationBatch,
  times: readonly (readonly number[])[],
  { model, blockSizeTokens }: StageTimer,
): readonly TimedStage[] {
  const batch = madeBatch(entries);
  const geometry = { numKvHeads: model.numKvHeads, headDim: model.headDim, blockSizeTokens };
  return stages.map((layers, index) => ({
    counts: stageCounts(batch, stageOf(stages, layers, asInstanceId(0)), geometry),
    us: trimmedMean(times[index] as readonly number[]),
  }));
}

/** Runs the stages of a batch and returns what each took, in microseconds. */
function runOnce(
  { entries, stages }: CalibrationBatch,
  instance: InstanceId,
  { executor }: StageTimer,
): readonly number[] {
  const batch = madeBatch(entries);
  openRequests(batch, executor);
  const took = stages.map((layers) => executor.runStage(batch, stageOf(stages, layers, instance)));
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

function stageOf(stages: readonly LayerRange[], layers: LayerRange, instance: InstanceId): Stage {
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
