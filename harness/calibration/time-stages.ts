import { must } from '../base/assert.ts';
import type { Rng } from '../base/rng.ts';
import { quantileOfSorted, sorted } from '../base/stats.ts';
import type { MicroBatch, Stage } from '../core/executor.ts';
import { asInstanceId, type InstanceId } from '../domain/ids.ts';
import type { LayerRange, ModelShape } from '../domain/model-shape.ts';
import { madeBatch } from '../executors/made-batch.ts';
import type { MeasuredExecutor } from '../executors/measured.ts';
import { stageCounts } from '../executors/stage-counts.ts';
import type { TimedStage } from './fit.ts';
import { CalibrationLoad, maxContextTokens, requestIds } from './load.ts';

/** Instances take turns, as they do in a cluster: what one has left in the caches is gone when it is its turn again. */
const instances = [0, 1, 2, 3].map(asInstanceId);

/** Steps before the first that is timed. */
const numWarmUpSteps = 100;

/** Steps from one beat of the metronome to the next. */
const stepsPerBeat = 8;

/** Every so many steps, the layers are run as two stages. */
const stepsPerSplit = 5;

export interface StageTimer {
  readonly executor: MeasuredExecutor;
  readonly model: ModelShape;
  readonly blockSizeTokens: number;
  readonly rng: Rng;
  readonly numSteps: number;
  readonly onProgress: (done: number, planned: number) => void;
}

export interface Timings {
  /** In the order in which they ran. */
  readonly stages: readonly TimedStage[];
  /** What a beat between steps took, in microseconds. */
  readonly beatUs: number;
}

/** Serves a load on some instances and times every stage, at the speed that the machine has had most of the time. */
export function timeStages(timer: StageTimer): Timings {
  const { executor, model, blockSizeTokens, rng, numSteps } = timer;
  const layers = { first: 0, count: model.numLayers };
  const numCells = model.numLayers * Math.ceil((2 * maxContextTokens) / blockSizeTokens);
  const nextId = requestIds();
  const loads = instances.map((instance) => {
    executor.startInstance(instance, layers, numCells);
    return { instance, load: new CalibrationLoad(rng, nextId) };
  });
  const raw: { readonly stage: TimedStage; readonly beat: number }[] = [];
  const beats: number[] = [];
  for (let step = 0; step < numWarmUpSteps + numSteps; step += 1) {
    const { instance, load } = loads[step % loads.length] as (typeof loads)[number];
    const timed = runStep({ id: step, instance, load }, timer);
    if (step >= numWarmUpSteps) raw.push(...timed.map((stage) => ({ stage, beat: beats.length })));
    if (step % stepsPerBeat === 0) beats.push(executor.beatUs());
    timer.onProgress(step + 1, numWarmUpSteps + numSteps);
  }
  for (const { instance, load } of loads) {
    for (const { id } of load.open) executor.endRequest(id, 0);
    executor.stopInstance(instance);
  }
  const beatUs = medianOf(beats);
  const stages = raw.map(({ stage: { counts, us }, beat }) => {
    const near = beats.slice(Math.max(0, beat - beatsNear), beat + beatsNear);
    return { counts, us: (us * beatUs) / medianOf(near) };
  });
  return { stages, beatUs };
}

/** Beats before a stage, and as many after it, that tell how fast the machine was then. */
const beatsNear = 12;

function medianOf(values: readonly number[]): number {
  return must(quantileOfSorted(sorted(values), 0.5), 'a beat');
}

interface Step {
  readonly id: number;
  readonly instance: InstanceId;
  readonly load: CalibrationLoad;
}

function runStep(
  { id, instance, load }: Step,
  { executor, model, blockSizeTokens }: StageTimer,
): TimedStage[] {
  const kvShape = { numKvHeads: model.numKvHeads, headDim: model.headDim, blockSizeTokens };
  const entries = load.nextStep();
  for (const { spec, pastTokens } of entries) if (pastTokens === 0) executor.addRequest(spec);
  const batch: MicroBatch = { ...madeBatch(entries, id), requestIds: entries.map(({ spec }) => spec.id) };
  const timed = stagesOf(id, model.numLayers, instance).map((stage) => {
    const us = executor.runStage(batch, stage);
    return { counts: stageCounts(batch, stage, kvShape), us };
  });
  for (const spec of load.endStep()) executor.endRequest(spec.id, spec.outputTokens);
  return timed;
}

/** All layers in one stage, or now and then in two. */
function stagesOf(step: number, numLayers: number, instance: InstanceId): readonly Stage[] {
  const isSplit = numLayers > 1 && step % stepsPerSplit === 0;
  const cut = isSplit ? 1 + ((step / stepsPerSplit) % (numLayers - 1)) : numLayers;
  const ranges: LayerRange[] = [{ first: 0, count: cut }];
  if (cut < numLayers) ranges.push({ first: cut, count: numLayers - cut });
  return ranges.map((layers, stageIndex) => ({
    instanceId: instance,
    stageIndex,
    layers,
    isFirst: stageIndex === 0,
    isLast: stageIndex === ranges.length - 1,
  }));
}
