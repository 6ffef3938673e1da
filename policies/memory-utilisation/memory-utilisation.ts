import { z } from 'zod';
import { type ClusterView, coldStartUs, type Decision, definePolicy } from '../../harness/policy/index.ts';
import { fleetOf, scaleTo } from '../autoscaling/fleet.ts';
import { instanceLoads } from '../autoscaling/instance-loads.ts';

const params = z
  .strictObject({
    /**
     * Mean shares of KV memory in use, above which an instance is added and below which one is removed
     * (SageServe).
     */
    upUsage: z.number().gt(0).max(1).default(0.5),
    downUsage: z.number().min(0).max(1).default(0.25),
    /**
     * Shortest time between two changes, in seconds. If undefined, the mean cold start of the hardware, as in
     * SageServe.
     */
    cooldownS: z.number().min(0).optional(),
    /** Seconds between two checks. */
    checkS: z.number().min(0.001).default(1),
    minInstances: z.int().min(1).default(1),
    /** Upper bound on instances. If undefined, the cluster's `maxInstances`. */
    maxInstances: z.int().min(1).optional(),
  })
  .refine(({ upUsage, downUsage }) => downUsage < upUsage, 'downUsage must be smaller than upUsage')
  .refine(
    ({ minInstances, maxInstances = Infinity }) => minInstances <= maxInstances,
    'minInstances must not be larger than maxInstances',
  );

type Params = z.output<typeof params>;

/**
 * The reactive autoscaler that SageServe is compared with. It applies thresholds to the effective memory
 * utilisation: the share that KV takes of the memory not occupied by weights, averaged over the serving
 * instances. It adds or removes one instance at a time, and none while the last change may not have taken
 * effect; it waits for a start that takes longer than the cooldown.
 */
class MemoryUtilisation {
  readonly #params: Params;
  readonly #cooldownUs: number;
  #changedAtUs = -Infinity;

  constructor(settings: Params, cooldownUs: number) {
    this.#params = settings;
    this.#cooldownUs = cooldownUs;
  }

  check(view: ClusterView): readonly Decision[] {
    const { numServing, numComing } = fleetOf(view);
    const numInstances = numServing + numComing;
    const { minInstances, maxInstances = Infinity } = this.#params;
    const allowed = Math.min(maxInstances, Math.max(minInstances, numInstances));
    if (allowed !== numInstances) {
      return scaleTo(view, {
        numInstances: allowed,
        reason: `${numInstances} instances, ${allowed} allowed`,
      });
    }
    if (numComing > 0 || view.nowUs - this.#changedAtUs < this.#cooldownUs) return [];
    const decisions = this.#adjust(view, numServing);
    if (decisions.length > 0) this.#changedAtUs = view.nowUs;
    return decisions;
  }

  #adjust(view: ClusterView, numServing: number): readonly Decision[] {
    const { upUsage, downUsage, minInstances, maxInstances = Infinity } = this.#params;
    const { known } = instanceLoads(view);
    const usage = known.reduce((sum, { kvUsage }) => sum + kvUsage, 0) / known.length;
    if (usage > upUsage) {
      const numInstances = Math.min(maxInstances, numServing + 1);
      const reason = `KV usage ${usage.toFixed(2)} of ${numServing} instances is above ${upUsage}`;
      return scaleTo(view, { numInstances, minInstances, reason });
    }
    if (usage < downUsage) {
      const reason = `KV usage ${usage.toFixed(2)} of ${numServing} instances is below ${downUsage}`;
      return scaleTo(view, { numInstances: numServing - 1, minInstances, reason });
    }
    return [];
  }
}

export const memoryUtilisation = definePolicy({
  name: 'memory-utilisation',
  family: 'autoscaling',
  summary:
    'Adds an instance above one share of KV memory in use and removes one below another (SageServe, reactive).',
  params,
  capabilities: { scales: true },
  create: (settings, deps) => {
    const { cooldownS } = settings;
    const cooldownUs =
      cooldownS === undefined ? coldStartUs(deps.model, deps.startHardware) : cooldownS * 1e6;
    const scaler = new MemoryUtilisation(settings, cooldownUs);
    return {
      tickUs: Math.max(1, Math.round(settings.checkS * 1e6)),
      onTick: (view) => scaler.check(view),
    };
  },
});
