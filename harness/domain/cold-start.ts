import type { Hardware } from './hardware.ts';
import { modelWeightBytes, type ModelShape } from './model-shape.ts';

/**
 * Returns the mean time in whole microseconds from asking for an instance that serves alone until it does: provisioning, the
 * weights of the whole model over links that are otherwise idle (latency and bytes), and warm-up. A real start takes longer
 * where an attempt fails or a link is shared.
 */
export function coldStartUs(model: ModelShape, hardware: Hardware): number {
  const { start, diskBytesPerSecond, hostLink, network } = hardware;
  const link = start.weightsFrom === 'peer' ? network : hostLink;
  // Weights read from disk pass through host memory, so the slower of disk and host link decides.
  const sourceBytesPerSecond = start.weightsFrom === 'disk' ? diskBytesPerSecond : Infinity;
  const bytesPerSecond = Math.min(link.bytesPerSecond, sourceBytesPerSecond);
  const loadUs = link.latencyUs + (modelWeightBytes(model) / bytesPerSecond) * 1e6;
  return Math.round(start.provisioning.meanUs + loadUs + start.warmUpUs);
}
