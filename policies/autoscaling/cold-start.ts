import { heldWeightBytes, type PolicyDeps } from '../../harness/policy/index.ts';

/**
 * Mean time from asking for an instance until it serves, in microseconds: provisioning, weights over a link that nothing
 * else uses, warm-up. It takes longer where the start fails, or the link is shared.
 */
export function coldStartUs({ model, hardware }: Pick<PolicyDeps, 'model' | 'hardware'>): number {
  const { start, diskBytesPerSecond, hostLink, network } = hardware;
  const bytesPerSecond = {
    disk: diskBytesPerSecond,
    host: hostLink.bytesPerSecond,
    peer: network.bytesPerSecond,
  }[start.weightsFrom];
  const loadUs = (heldWeightBytes(model, model.numLayers) / bytesPerSecond) * 1e6;
  return Math.round(start.provisioning.meanUs + loadUs + start.warmUpUs);
}
