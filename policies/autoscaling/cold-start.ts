import { heldWeightBytes, type PolicyDeps } from '../../harness/policy/index.ts';

/**
 * Mean time from asking for an instance until it serves, in microseconds: provisioning, weights over a link that nothing
 * else uses, warm-up. It takes longer where the start fails, or the link is shared.
 */
export function coldStartUs({ model, startHardware }: Pick<PolicyDeps, 'model' | 'startHardware'>): number {
  const { start, diskBytesPerSecond, hostLink, network } = startHardware;
  const link = start.weightsFrom === 'peer' ? network : hostLink;
  // What is read from disk goes through the host.
  const sourceBytesPerSecond = start.weightsFrom === 'disk' ? diskBytesPerSecond : Infinity;
  const bytesPerSecond = Math.min(link.bytesPerSecond, sourceBytesPerSecond);
  const loadUs = link.latencyUs + (heldWeightBytes(model, model.numLayers) / bytesPerSecond) * 1e6;
  return Math.round(start.provisioning.meanUs + loadUs + start.warmUpUs);
}
