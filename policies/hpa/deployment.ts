import type { ClusterView, Decision } from '../../harness/policy/index.ts';
import { fleetOf, scaleTo } from '../autoscaling/fleet.ts';
import { type BehaviorParams, ScalingBehavior } from './behavior.ts';

/**
 * The number of replicas that the metrics recommend, undefined if there are no metrics, and the observation
 * behind it, for the reason of the decisions.
 */
export interface Recommendation {
  readonly count: number | undefined;
  readonly because: string;
}

/**
 * A Kubernetes Deployment with its autoscaler. Each replica is an instance. It remembers the number of
 * replicas last decided on, so that an instance that failed is replaced and one that could not be started is
 * requested again.
 */
export class Deployment {
  readonly #behavior: ScalingBehavior;
  #replicas: number | undefined;

  constructor(params: BehaviorParams) {
    this.#behavior = new ScalingBehavior(params);
  }

  /**
   * Runs one sync of the autoscaler and returns the decisions. `recommend` gets the current number of
   * replicas.
   */
  sync(view: ClusterView, recommend: (replicas: number) => Recommendation): readonly Decision[] {
    const replicas = this.replicasIn(view);
    const { count, because } = recommend(replicas);
    if (count === undefined) return this.scale(view, replicas, because);
    const { nowUs, maxInstances } = view;
    const next = this.#behavior.next({ nowUs, replicas, recommended: count, maxInstances });
    return this.scale(view, next, `${because}: ${replicas} to ${next} replicas`);
  }

  /** Returns the decisions that replace failed instances; none before the first sync. */
  repair(view: ClusterView): readonly Decision[] {
    return this.#replicas === undefined
      ? []
      : this.scale(view, this.#replicas, `${this.#replicas} replicas are wanted`);
  }

  scale(view: ClusterView, replicas: number, reason: string): readonly Decision[] {
    this.#replicas = replicas;
    return scaleTo(view, { numInstances: replicas, minInstances: 0, reason });
  }

  /**
   * Returns the number last decided on; before the first decision, the number of instances that serve or
   * start.
   */
  replicasIn(view: ClusterView): number {
    if (this.#replicas !== undefined) return this.#replicas;
    const { numServing, numComing } = fleetOf(view);
    return numServing + numComing;
  }
}
