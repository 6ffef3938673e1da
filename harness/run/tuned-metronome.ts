import type { TensorflowBackend } from '../backend/tensorflow-backend.ts';
import { tune, type Tuning } from '../calibration/tune.ts';
import type { MicroBatch, Stage } from '../core/executor.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { SpeedRecord, StageProfile } from '../domain/stage-profile.ts';
import { MeasuredExecutor } from '../executors/measured.ts';
import { Metronome } from '../executors/metronome.ts';
import { ProfiledCost } from '../executors/profiled-cost.ts';

/** What is measured: a model on a device. */
interface MeasuredModel {
  readonly backend: TensorflowBackend;
  readonly shape: ModelShape;
  readonly seed: number;
}

interface TunedMetronome {
  readonly metronome: Metronome;
  /** To be told what each stage took: later cells of the process are tuned by it. */
  readonly learn: (batch: MicroBatch, stage: Stage, measuredUs: number) => void;
}

/** Starts the metronome of a cell, tuned to the device's profile. */
export function tunedMetronome(
  measured: MeasuredExecutor,
  model: MeasuredModel,
  { profile, onBeat }: { readonly profile: StageProfile; readonly onBeat: (record: SpeedRecord) => void },
): TunedMetronome {
  const tuning = tuningOf(model, profile);
  const metronome = new Metronome(() => measured.beatUs(), tuning.beatUs, onBeat);
  const cost = new ProfiledCost(profile);
  return {
    metronome,
    learn: (batch, stage, measuredUs) =>
      tuning.add({ measuredUs, profileUs: cost.stageUs(batch, stage), beatUs: metronome.beatUs }),
  };
}

/** By profile, what this process has learned. */
const tunings = new Map<string, Tuning>();

function tuningOf(model: MeasuredModel, profile: StageProfile): Tuning {
  const key = JSON.stringify(profile);
  const known = tunings.get(key);
  if (known !== undefined) return known;
  const executor = new MeasuredExecutor({ ...model, blockSizeTokens: profile.blockSizeTokens });
  try {
    const tuning = tune(executor, profile, model.shape);
    tunings.set(key, tuning);
    return tuning;
  } finally {
    executor.close();
  }
}
