import type { ClusterView } from '../../harness/policy/index.ts';
import { fleetOf } from '../autoscaling/fleet.ts';
import { numRequestsOf } from '../dispatching/num-requests.ts';
import { stepsUntilFull, usableBlocks } from './freeness.ts';

/** What all requests ask for, and what the instances that serve and stay have. */
export interface FleetLoad {
  readonly usableBlocks: number;
  /** The same for one instance, on average. */
  readonly instanceBlocks: number;
  readonly demandBlocks: number;
  readonly numRequests: number;
}

/**
 * Every request counts, queued and held ones and those on groups that drain, as these have to go somewhere; without headroom,
 * since an empty instance more would not make a difference to it. Instances that drain or do not serve yet are no room.
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
 * Mean freeness, in decode steps, with so many instances more (or less): of all memory and all requests together, as in the authors'
 * code, since a mean over instances would be infinite with one that is empty.
 */
export function meanFreeness(load: FleetLoad, numMore: number, blockSizeTokens: number): number {
  const blocks = load.usableBlocks + numMore * load.instanceBlocks - load.demandBlocks;
  return stepsUntilFull(blocks, load.numRequests, blockSizeTokens);
}

/** The fewest empty instances that bring the mean freeness to `steps`. */
export function instancesMissing(load: FleetLoad, steps: number, blockSizeTokens: number): number {
  const missingBlocks = (steps * load.numRequests) / blockSizeTokens + load.demandBlocks - load.usableBlocks;
  return Math.max(0, Math.ceil(missingBlocks / load.instanceBlocks));
}
