import type { Hardware } from '../domain/hardware.ts';
import type { ModelShape } from '../domain/model-shape.ts';
import { ProfiledCost } from './profiled-cost.ts';
import { RooflineCost } from './roofline-cost.ts';
import type { StageCost } from './stage-cost.ts';

/** Returns the cost by the hardware's profile where it has been calibrated for the model, else by its roofline. */
export function costModelOf(model: ModelShape, hardware: Hardware): StageCost {
  const { profile } = hardware;
  return profile === undefined ? new RooflineCost(model, hardware) : new ProfiledCost(profile);
}
