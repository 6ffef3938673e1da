import { z } from 'zod';
import { type ClusterView, type Decision, definePolicy } from '../../harness/policy/index.ts';
import { countWaiting } from '../autoscaling/instance-loads.ts';
import { behaviorParams, replicaRange } from '../hpa/behavior.ts';
import { Deployment, type Recommendation } from '../hpa/deployment.ts';
import { recommendByTotal } from '../hpa/recommend.ts';

const params = z
  .strictObject({
    ...behaviorParams,
    /**
     * Lower bound of the replicas. With 0, KEDA's own default, the last instance is removed as well when
     * nothing waits; the example of the vLLM production stack keeps one.
     */
    minReplicas: z.int().min(0).default(1),
    /** Target number of waiting requests per replica. KEDA has no default. */
    target: z.number().gt(0).default(5),
    /** The source counts as active while more requests than this wait (`activationThreshold`). */
    activationThreshold: z.number().min(0).default(0),
    /**
     * Seconds between two polls of the source by KEDA itself (`pollingInterval`), rounded up to a multiple of
     * `syncS` if that is shorter.
     */
    pollS: z.number().min(0.001).default(30),
    /**
     * Seconds from the last poll that found the source active until the last replicas are removed
     * (`cooldownPeriod`).
     */
    cooldownS: z.number().min(0).default(300),
    /**
     * Whether the HorizontalPodAutoscaler uses the value of KEDA's last poll instead of a fresh one
     * (`useCachedMetrics`).
     */
    cachedMetrics: z.boolean().default(false),
    /**
     * Seconds between two syncs of the HorizontalPodAutoscaler, rounded up to a multiple of `pollS` if that
     * is shorter, and its tolerance; see `hpa`.
     */
    syncS: z.number().min(0.001).default(15),
    tolerance: z.number().min(0).default(0.1),
  })
  .refine(replicaRange.holds, replicaRange.message);

type Params = z.output<typeof params>;

/**
 * KEDA, scaling on the number of waiting requests in the whole cluster, as the vLLM production stack is set
 * up ("ScaledObject specification" and "Scaling Deployments, StatefulSets & Custom Resources" of the KEDA
 * documentation). KEDA itself only decides between zero replicas and one: an active source starts the first
 * replica, and one that has been inactive for `cooldownS` removes the last. Between one and `maxReplicas` a
 * HorizontalPodAutoscaler decides, with the number of waiting requests as its metric ("AverageValue").
 *
 * Running requests do not count, so instances that are full but have no queue look idle. At a constant load
 * the number of replicas therefore falls when the down window is over and rises again once a queue has
 * formed. Instances are drained, so no request is lost.
 */
class KedaQueue {
  readonly #params: Params;
  readonly #deployment: Deployment;
  #polledAtUs = -Infinity;
  #syncedAtUs = -Infinity;
  #polled = 0;
  #activeAtUs = -Infinity;

  constructor(settings: Params) {
    this.#params = settings;
    // The HorizontalPodAutoscaler that KEDA creates never scales below one replica.
    this.#deployment = new Deployment({ ...settings, minReplicas: Math.max(1, settings.minReplicas) });
  }

  get tickUs(): number {
    return Math.max(1, Math.round(Math.min(this.#params.pollS, this.#params.syncS) * 1e6));
  }

  tick(view: ClusterView): readonly Decision[] {
    const { pollS, syncS } = this.#params;
    const decisions: Decision[] = [];
    if (view.nowUs - this.#polledAtUs >= pollS * 1e6) {
      this.#polledAtUs = view.nowUs;
      decisions.push(...this.#poll(view));
    }
    if (view.nowUs - this.#syncedAtUs < syncS * 1e6) return decisions;
    this.#syncedAtUs = view.nowUs;
    // Without a replica the HorizontalPodAutoscaler is inactive.
    if (decisions.length > 0 || this.#deployment.replicasIn(view) === 0) return decisions;
    return this.#deployment.sync(view, (replicas) => this.#recommend(view, replicas));
  }

  repair(view: ClusterView): readonly Decision[] {
    return this.#deployment.repair(view);
  }

  #poll(view: ClusterView): readonly Decision[] {
    const { activationThreshold, cooldownS, minReplicas } = this.#params;
    this.#polled = countWaiting(view);
    const replicas = this.#deployment.replicasIn(view);
    const because = `${this.#polled} requests wait`;
    if (this.#polled > activationThreshold) {
      this.#activeAtUs = view.nowUs;
      return replicas === 0 ? this.#deployment.scale(view, 1, `${because}: 0 to 1 replicas`) : [];
    }
    const isIdle = view.nowUs - this.#activeAtUs >= cooldownS * 1e6;
    if (minReplicas > 0 || replicas === 0 || !isIdle) return [];
    return this.#deployment.scale(view, 0, `${because}, for ${cooldownS} s: ${replicas} to 0 replicas`);
  }

  #recommend(view: ClusterView, replicas: number): Recommendation {
    const { target, tolerance, cachedMetrics } = this.#params;
    const waiting = cachedMetrics ? this.#polled : countWaiting(view);
    const count = recommendByTotal(waiting, { target, tolerance }, replicas);
    return { count, because: `${waiting} requests wait, target ${target} a replica` };
  }
}

export const kedaQueue = definePolicy({
  name: 'keda-queue',
  family: 'autoscaling',
  summary:
    'KEDA: a HorizontalPodAutoscaler on the number of waiting requests, down to no instance if asked to.',
  params,
  capabilities: { scales: true },
  create: (settings) => {
    const keda = new KedaQueue(settings);
    return {
      tickUs: keda.tickUs,
      onTick: (view) => keda.tick(view),
      onEvent: ({ kind }, view) => (kind === 'instanceFailed' ? keda.repair(view) : undefined),
    };
  },
});
