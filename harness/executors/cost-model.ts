import type { Rng } from '../base/rng.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { ProfiledCost } from './profiled-cost.ts';
import { RooflineCost } from './roofline-cost.ts';
import type { StageCost } from './stage-cost.ts';

/**
 * Returns the cost by the hardware's profile where it has been calibrated for the model, else by its roofline. With `chance`, the
 * cost of a stage by a profile is one of those that the calibration met.
 */
export function costModelOf(model: ModelShape, hardware: Hardware, chance?: Rng): StageCost {
  const { profile } = hardware;
  return profile === undefined ? new RooflineCost(model, hardware) : new ProfiledCost(profile, chance);
}
