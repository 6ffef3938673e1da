import type { TensorflowBackend } from '../backend/tensorflow-backend.ts';
import { tunedBeatUs } from '../calibration/tune.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import type { SpeedRecord, StageProfile } from '../domain/stage-profile.ts';
import { MeasuredExecutor } from '../executors/measured.ts';
import { Metronome } from '../executors/metronome.ts';

/** What is measured: a model on a device. */
interface MeasuredModel {
  readonly backend: TensorflowBackend;
  readonly shape: ModelShape;
  readonly seed: number;
}

/** Starts the metronome of a cell, tuned to the device's profile. */
export function tunedMetronome(
  measured: MeasuredExecutor,
  model: MeasuredModel,
  { profile, onBeat }: { readonly profile: StageProfile; readonly onBeat: (record: SpeedRecord) => void },
): Metronome {
  return new Metronome(() => measured.beatUs(), tunedBeat(model, profile), onBeat);
}

/** By profile, as this process has found it. */
const tunedBeats = new Map<string, number>();

/** Returns what a beat takes at the speed of the profile, found once in a process. */
function tunedBeat(model: MeasuredModel, profile: StageProfile): number {
  const key = JSON.stringify(profile);
  const known = tunedBeats.get(key);
  if (known !== undefined) return known;
  const executor = new MeasuredExecutor({ ...model, blockSizeTokens: profile.blockSizeTokens });
  try {
    const beatUs = tunedBeatUs(executor, profile, model.shape);
    tunedBeats.set(key, beatUs);
    return beatUs;
  } finally {
    executor.close();
  }
}
