import type { ModelShape } from './model-shape.ts';

/**
 * The terms of which the cost of a stage is the sum. A stage is some layers of a micro-batch; the terms of a
 * layer count once in each of them.
 */
export const stageTerms = [
  /** Fixed cost of the stage. */
  'stage',
  /** Each request in it. */
  'entry',
  /** Each new token. */
  'token',
  /** Each pair of a new token and one in its padded context: the mask is made once for all layers. */
  'pair',
  /** Output head of the last stage: fixed cost, and each token that is sampled. */
  'head',
  'sample',
  /** Fixed cost of a layer. */
  'layer',
  /** Each new token in a layer: matrix products, norms, its K and V. */
  'layerToken',
  /** Each group of entries whose attention is one product. */
  'layerGroup',
  /** A layer that computes prompts, beside decoding or alone: kernels that the decode steps before did not use are cold. */
  'layerPrompt',
  /** Each of those groups that computes prompts: products of several rows have other kernels, and are transposed. */
  'layerPromptGroup',
  /** Each token whose K and V are gathered, padding included. */
  'layerGathered',
  /** Each pair of a new token and a gathered one. */
  'layerPair',
] as const;
export type StageTerm = (typeof stageTerms)[number];

/** How often each term occurs in a stage. */
export type StageCounts = Readonly<Record<StageTerm, number>>;

/** What a device was found to take for each term, in microseconds (`bench calibrate`). */
export type StageCosts = Readonly<Record<StageTerm, number>>;

/** What the stages of one model take on one device. */
export interface StageProfile {
  /** Dimensions of the model and tokens of a KV block, for which alone it holds. */
  readonly model: Omit<ModelShape, 'name'>;
  readonly blockSizeTokens: number;
  /** What was calibrated: the device as it names itself, TensorFlow's version, threads of an op. */
  readonly device: string;
  readonly tensorflow: string;
  readonly threads: number;
  readonly costsUs: StageCosts;
  /**
   * What stages took over what their costs add up to: values that are equally probable, smallest first, with mean 1. A pipeline
   * waits for its slowest stage, so that their mean alone would make it too fast.
   */
  readonly spread: readonly number[];
  /** Error on windows of consecutive stages that the fit did not see: |fitted - measured| / measured. */
  readonly heldOut: { readonly numWindows: number; readonly medianError: number; readonly p90Error: number };
}

/** How fast the machine was at one time of a measured run: one beat of the metronome. */
export interface SpeedRecord {
  /** Wall time since the metronome was started, microseconds. */
  readonly wallUs: number;
  readonly beatUs: number;
  /** Speed of the machine: that of the calibration is 1, and 0.5 is half as fast. */
  readonly speed: number;
}

/** Returns the cost in microseconds of a stage with these counts. */
export function costOfCounts(costsUs: StageCosts, counts: StageCounts): number {
  let us = 0;
  for (const term of stageTerms) us += costsUs[term] * counts[term];
  return us;
}

/** Returns the same profile of a device on which everything takes `factor` times as long. */
export function scaleProfile(profile: StageProfile, factor: number): StageProfile {
  const costsUs = Object.fromEntries(
    stageTerms.map((term) => [term, profile.costsUs[term] * factor]),
  ) as StageCosts;
  return { ...profile, costsUs };
}

/** Returns what a profile depends on of a model: all of it but the name. */
export function dimensionsOf({ name: _name, ...dimensions }: ModelShape): StageProfile['model'] {
  return dimensions;
}

/** Whether the profile holds for this model and block size. */
export function isProfileOf(
  { model: profiled, blockSizeTokens: profiledBlock }: StageProfile,
  model: ModelShape,
  blockSizeTokens: number,
): boolean {
  const dimensions = dimensionsOf(model);
  const keys = Object.keys(dimensions) as (keyof typeof dimensions)[];
  return profiledBlock === blockSizeTokens && keys.every((key) => profiled[key] === dimensions[key]);
}
