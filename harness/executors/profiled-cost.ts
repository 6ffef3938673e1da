import type { Rng } from '../base/rng.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import { costOfCounts, type StageProfile } from '../domain/stage-profile.ts';
import type { KvCellShape } from '../model/paged-kv.ts';
import { stageCounts } from './stage-counts.ts';
import type { StageCost } from './stage-cost.ts';

/** The cost of stages on a device that has been calibrated: the sum of a profile's terms. */
export class ProfiledCost implements StageCost {
  readonly #profile: StageProfile;
  readonly #chance: Rng | undefined;
  readonly #kvShape: KvCellShape;

  /** With `chance`, stages spread around their cost as the profile says; else each takes the mean. */
  constructor(profile: StageProfile, chance?: Rng) {
    this.#profile = profile;
    this.#chance = chance;
    const { numKvHeads, headDim } = profile.model;
    this.#kvShape = { numKvHeads, headDim, blockSizeTokens: profile.blockSizeTokens };
  }

  stageUs(batch: MicroBatch, stage: Stage): number {
    const { costsUs, spread } = this.#profile;
    const meanUs = costOfCounts(costsUs, stageCounts(batch, stage, this.#kvShape));
    const chance = this.#chance;
    return wholeUs(
      chance === undefined ? meanUs : meanUs * (spread[chance.integer(spread.length)] as number),
    );
  }

  /** Each layer is one group; its context is not padded. */
  attentionUs({ numLayers, contextLayers, pairLayers }: RemoteAttention): number {
    const { layerGroup, layerGathered, layerPair } = this.#profile.costsUs;
    return wholeUs(numLayers * layerGroup + contextLayers * layerGathered + pairLayers * layerPair);
  }
}

function wholeUs(us: number): number {
  return Math.max(1, Math.round(us));
}
