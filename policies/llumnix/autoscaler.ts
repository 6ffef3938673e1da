import { z } from 'zod';
import { type ClusterView, type Decision, definePolicy } from '../../harness/policy/index.ts';
import { fleetOf, scaleTo } from '../autoscaling/fleet.ts';
import { type FleetLoad, fleetLoad, instancesMissing, meanFreeness } from './fleet-load.ts';
import { artifactBlockTokens } from './freeness.ts';

const params = z
  .strictObject({
    /** Time between two checks. */
    intervalMs: z.number().positive().default(10_000),
    /** Checks left out at first, while an empty cluster fills and looks idler than the load is: the code begins after 100 s. */
    warmUpChecks: z.int().min(0).default(9),
    /** Mean freeness, in decode steps, below which instances are added: 10 blocks per request in the authors' code. Depends on model and device. */
    addBelowSteps: z.number().default(10 * artifactBlockTokens),
    /** Mean freeness that must be left after an instance is taken away: 60 blocks per request in the code. */
    removeAboveSteps: z.number().default(60 * artifactBlockTokens),
    /** How many are added at once: as many empty ones as bring the mean freeness to `addBelowSteps` (the code), or one (the paper names no number). */
    add: z.enum(['missing', 'one']).default('missing'),
    /** Whether more are added while some are still starting, for what is missing beside these; the code waits for them. */
    overlappingStarts: z.boolean().default(false),
    minInstances: z.int().min(1).default(1),
    /** Without it as many as the cluster may have. */
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
 * Llumnix's autoscaling (section 4.4): keeps the mean freeness of the instances between two bounds. Below, instances are
 * added, and a drain is taken back before one is started. Above, the instance with the fewest running requests drains, one at
 * a time, provided that the others stay above without it (so does the authors' code, whose victim is the last instance).
 * It looks at memory alone, and works behind any dispatcher; with `llumnix` the requests of a draining instance migrate away,
 * otherwise they end there.
 *
 * Instances that are starting are no room yet, and no others are added in the meantime unless `overlappingStarts`. When
 * the load has gone before they are ready, they are the first to be released.
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

/** Beside the instances that serve: how many the load asks for. */
function numToAdd(load: FleetLoad, view: ClusterView, { add, addBelowSteps }: Params): number {
  return add === 'one' ? 1 : instancesMissing(load, addBelowSteps, view.blockSizeTokens);
}
