import { heldWeightBytes, type PolicyDeps } from '../../harness/policy/index.ts';

/**
 * Returns the mean time in microseconds from asking for an instance until it serves: provisioning, loading
 * the weights over an otherwise idle link, and warm-up. A real start takes longer where an attempt fails or
 * the link is shared.
 */
export function coldStartUs({ model, startHardware }: Pick<PolicyDeps, 'model' | 'startHardware'>): number {
  const { start, diskBytesPerSecond, hostLink, network } = startHardware;
  const link = start.weightsFrom === 'peer' ? network : hostLink;
  // Weights read from disk pass through host memory, so the slower of disk and host link decides.
  const sourceBytesPerSecond = start.weightsFrom === 'disk' ? diskBytesPerSecond : Infinity;
  const bytesPerSecond = Math.min(link.bytesPerSecond, sourceBytesPerSecond);
  const loadUs = link.latencyUs + (heldWeightBytes(model, model.numLayers) / bytesPerSecond) * 1e6;
  return Math.round(start.provisioning.meanUs + loadUs + start.warmUpUs);
}
