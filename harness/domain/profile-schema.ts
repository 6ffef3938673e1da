import { z } from 'zod';
import { type StageProfile, type StageTerm, stageTerms } from './stage-profile.ts';

const count = z.int().positive();
const microseconds = z.number().nonnegative();
const share = z.number().nonnegative();

const costsShape = Object.fromEntries(stageTerms.map((term) => [term, microseconds])) as Record<
  StageTerm,
  typeof microseconds
>;

/** A profile as `bench calibrate` writes it. */
export const profileSchema: z.ZodType<StageProfile> = z.strictObject({
  model: z.strictObject({
    numLayers: count,
    hiddenSize: count,
    numHeads: count,
    numKvHeads: count,
    headDim: count,
    ffnSize: count,
    vocabSize: count,
    bytesPerWeight: count,
    bytesPerKvElement: count,
    ropeTheta: z.number().positive(),
  }),
  blockSizeTokens: count,
  device: z.string(),
  tensorflow: z.string(),
  threads: count,
  costsUs: z.strictObject(costsShape),
  spread: z.array(z.number().positive()).min(1),
  heldOut: z.strictObject({ numWindows: count, medianError: share, p90Error: share }),
});
