import type { ClusterView, Decision } from '../../harness/policy/index.ts';
import { fleetOf, scaleTo } from '../autoscaling/fleet.ts';
import { type BehaviorParams, ScalingBehavior } from './behavior.ts';

/** How many replicas the metrics ask for, `undefined` where they say nothing, and what they say. */
export interface Recommendation {
  readonly count: number | undefined;
  readonly because: string;
}

/**
 * A Kubernetes Deployment with its autoscaler: the number of replicas that was last decided on is kept, so that an instance
 * that has failed is replaced, and one that could not be had is asked for again. An instance is a replica.
 */
export class Deployment {
  readonly #behavior: ScalingBehavior;
  #replicas: number | undefined;

  constructor(params: BehaviorParams) {
    this.#behavior = new ScalingBehavior(params);
  }

  /** One sync of the autoscaler. */
  sync(view: ClusterView, recommend: (replicas: number) => Recommendation): readonly Decision[] {
    const replicas = this.replicasIn(view);
    const { count, because } = recommend(replicas);
    if (count === undefined) return this.scale(view, replicas, because);
    const { nowUs, maxInstances } = view;
    const next = this.#behavior.next({ nowUs, replicas, recommended: count, maxInstances });
    return this.scale(view, next, `${because}: ${replicas} to ${next} replicas`);
  }

  /** Replaces what has failed. */
  repair(view: ClusterView): readonly Decision[] {
    return this.#replicas === undefined
      ? []
      : this.scale(view, this.#replicas, `${this.#replicas} replicas are wanted`);
  }

  scale(view: ClusterView, replicas: number, reason: string): readonly Decision[] {
    this.#replicas = replicas;
    return scaleTo(view, { numInstances: replicas, minInstances: 0, reason });
  }

  /** The number decided on; at first those that there are. */
  replicasIn(view: ClusterView): number {
    if (this.#replicas !== undefined) return this.#replicas;
    const { numServing, numComing } = fleetOf(view);
    return numServing + numComing;
  }
}
