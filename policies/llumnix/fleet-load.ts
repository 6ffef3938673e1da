import type { ClusterView } from '../../harness/policy/index.ts';
import { fleetOf } from '../autoscaling/fleet.ts';
import { numRequestsOf } from '../dispatching/num-requests.ts';
import { stepsUntilFull, usableBlocks } from './freeness.ts';

/** The demand of all requests, and the memory of the instances that serve and will keep serving. */
export interface FleetLoad {
  readonly usableBlocks: number;
  /** Mean usable blocks per serving instance. */
  readonly instanceBlocks: number;
  readonly demandBlocks: number;
  readonly numRequests: number;
}

/**
 * Sums up the demand and the capacity of the cluster. All requests count, including queued ones, held ones
 * and those on draining groups, since these will need room elsewhere. Headroom does not count, because
 * another empty instance would not change it. Draining and starting instances are no capacity.
 */
export function fleetLoad(view: ClusterView): FleetLoad {
  const { serving, numServing } = fleetOf(view);
  const usable = serving.reduce((sum, group) => sum + usableBlocks(group), 0);
  let demandBlocks = 0;
  let numRequests = 0;
  for (const group of view.groups) {
    demandBlocks += group.demandBlocks;
    numRequests += numRequestsOf(group);
  }
  for (const { tokens } of view.held) {
    demandBlocks += Math.ceil(tokens / view.blockSizeTokens);
    numRequests += 1;
  }
  return { usableBlocks: usable, instanceBlocks: usable / numServing, demandBlocks, numRequests };
}

/**
 * Returns the mean freeness, in decode steps, with `numMore` instances more (or fewer, if negative). It
 * divides all memory by all requests, as in the authors' code, because a mean over instances would be
 * infinite if one were empty.
 */
export function meanFreeness(load: FleetLoad, numMore: number, blockSizeTokens: number): number {
  const blocks = load.usableBlocks + numMore * load.instanceBlocks - load.demandBlocks;
  return stepsUntilFull(blocks, load.numRequests, blockSizeTokens);
}

/** Returns the smallest number of additional empty instances that raise the mean freeness to `steps`. */
export function instancesMissing(load: FleetLoad, steps: number, blockSizeTokens: number): number {
  const missingBlocks = (steps * load.numRequests) / blockSizeTokens + load.demandBlocks - load.usableBlocks;
  return Math.max(0, Math.ceil(missingBlocks / load.instanceBlocks));
}
