import { z } from 'zod';
import { type ClusterView, type Decision, definePolicy } from '../../harness/policy/index.ts';
import { fleetOf, scaleTo } from '../autoscaling/fleet.ts';
import { type FleetLoad, fleetLoad, instancesMissing, meanFreeness } from './fleet-load.ts';
import { artifactBlockTokens } from './freeness.ts';

const params = z
  .strictObject({
    /** Milliseconds between two checks. */
    intervalMs: z.number().min(1).default(10_000),
    /**
     * Number of checks skipped at the start, while an empty cluster fills and looks idler than the load is;
     * the authors' code begins after 100 s.
     */
    warmUpChecks: z.int().min(0).default(9),
    /**
     * Mean freeness, in decode steps, below which instances are added: 10 blocks per request in the authors'
     * code. A sensible value depends on model and device.
     */
    addBelowSteps: z.number().default(10 * artifactBlockTokens),
    /**
     * Mean freeness, in decode steps, that must remain after an instance is removed: 60 blocks per request in
     * the authors' code.
     */
    removeAboveSteps: z.number().default(60 * artifactBlockTokens),
    /**
     * How many instances are added at once: as many as raise the mean freeness to `addBelowSteps` (`missing`,
     * the authors' code), or `one` (the paper gives no number).
     */
    add: z.enum(['missing', 'one']).default('missing'),
    /**
     * Whether instances may be added while others are still starting, counting these; the authors' code waits
     * for them.
     */
    overlappingStarts: z.boolean().default(false),
    minInstances: z.int().min(1).default(1),
    /** Upper bound on instances. If undefined, the cluster's `maxInstances`. */
    maxInstances: z.int().min(1).optional(),
  })
  .refine(({ addBelowSteps, removeAboveSteps }) => addBelowSteps < removeAboveSteps, {
    message: 'must be above addBelowSteps, or the number of instances would never rest',
    path: ['removeAboveSteps'],
  })
  .refine(({ minInstances, maxInstances }) => maxInstances === undefined || minInstances <= maxInstances, {
    message: 'must be at least minInstances',
    path: ['maxInstances'],
  });

type Params = z.output<typeof params>;

/**
 * Llumnix's autoscaling (section 4.4): keeps the mean freeness of the instances between two bounds. Below the
 * lower one, instances are added, by cancelling drains before starting new ones. Above the upper one, the
 * instance with the fewest running requests is drained, one at a time, provided that the mean freeness of the
 * others stays above it (the authors' code has the same condition, but takes the last instance). It considers
 * memory only and works with any dispatcher. With `llumnix`, the requests of a draining instance migrate
 * away; otherwise they end there.
 *
 * Starting instances do not count as capacity, and no others are added in the meantime unless
 * `overlappingStarts` is set. If the load falls before they are ready, they are released first.
 */
export const llumnixAutoscaler = definePolicy({
  name: 'llumnix-autoscaler',
  family: 'autoscaling',
  summary:
    'Keeps the mean freeness of the instances between two bounds (the autoscaler of Llumnix and INFaaS++).',
  params,
  capabilities: { scales: true },
  create: (settings) => {
    const tickUs = Math.max(1, Math.round(settings.intervalMs * 1000));
    return {
      tickUs,
      onTick: (view) => (view.nowUs <= settings.warmUpChecks * tickUs ? [] : check(view, settings)),
    };
  },
});

function check(view: ClusterView, settings: Params): readonly Decision[] {
  const { numServing, numComing, numDraining } = fleetOf(view);
  const { minInstances, addBelowSteps, removeAboveSteps } = settings;
  const scale = (numInstances: number, reason: string): readonly Decision[] =>
    scaleTo(view, { numInstances, minInstances, reason });

  const numInstances = numServing + numComing;
  if (numInstances < minInstances) return scale(minInstances, `fewer than ${minInstances} instances`);
  if (numServing === 0) return [];
  const load = fleetLoad(view);
  const freeness = meanFreeness(load, 0, view.blockSizeTokens);
  if (freeness < addBelowSteps) {
    const most = settings.maxInstances ?? view.maxInstances;
    const wanted = Math.min(numServing + numToAdd(load, view, settings), most);
    if (wanted <= numInstances || (numComing > 0 && !settings.overlappingStarts)) return [];
    return scale(wanted, `mean freeness ${Math.round(freeness)} steps, below ${addBelowSteps}`);
  }
  const without = meanFreeness(load, -1, view.blockSizeTokens);
  if (without <= removeAboveSteps || numDraining > 0) return [];
  const left = without === Infinity ? 'no requests' : `mean freeness ${Math.round(without)} steps`;
  return scale(numInstances - 1, `${left} without one instance, above ${removeAboveSteps}`);
}

/** Returns how many instances the load needs in addition to those that serve. */
function numToAdd(load: FleetLoad, view: ClusterView, { add, addBelowSteps }: Params): number {
  return add === 'one' ? 1 : instancesMissing(load, addBelowSteps, view.blockSizeTokens);
}
