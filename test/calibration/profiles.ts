import { type StageCosts, type StageProfile, stageTerms } from '../../harness/domain/stage-profile.ts';

/** A profile of a model of four layers in which every term costs so much, unless said otherwise. */
export function profileWith(costsUs: Partial<StageCosts>, others = 0): StageProfile {
  const all = Object.fromEntries(stageTerms.map((term) => [term, costsUs[term] ?? others])) as StageCosts;
  return {
    model: {
      numLayers: 4,
      hiddenSize: 128,
      numHeads: 4,
      numKvHeads: 2,
      headDim: 32,
      ffnSize: 256,
      vocabSize: 512,
      bytesPerWeight: 4,
      bytesPerKvElement: 4,
      ropeTheta: 10_000,
    },
    blockSizeTokens: 16,
    device: 'a device',
    tensorflow: '2.21.0',
    threads: 1,
    costsUs: all,
    spread: [1],
    heldOut: { numWindows: 10, medianError: 0.01, p90Error: 0.03 },
  };
}
