import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import { fleetOf } from '../autoscaling/fleet.ts';
import type { Census } from './census.ts';
import type { Params } from './params.ts';
import { roles } from './roles.ts';

type Rule = Pick<Params, 'theta' | 'busy' | 'step' | 'scaleInAfter' | 'minInstances'>;

export interface InteractiveWish {
  readonly numInstances: number;
  /** Highest number of busy instances since the last decision; undefined if none was serving in that time. */
  readonly numBusy: number | undefined;
}

/** Tolerance of rounding up, for quotients that are whole numbers but for floating-point error. */
const epsilon = 1e-9;

/**
 * Chiron's interactive back-pressure: keeps the share of interactive and mixed instances that are busy with
 * interactive requests at Theta. The spare instances absorb a burst while new ones start, and serve batch
 * requests until then.
 *
 * Each decision uses the highest number of busy instances since the last one, because a single sample would
 * miss short peaks.
 */
export class InteractivePressure {
  readonly #rule: Rule;
  readonly #census: Census;
  /**
   * Highest number of busy instances since the last decision; undefined while no instance of the pool has
   * been seen serving.
   */
  #peakBusy: number | undefined;
  /**
   * The numbers of instances wanted by the latest decisions, at most `scaleInAfter` of them, oldest first.
   */
  readonly #wishes: number[] = [];

  constructor(rule: Rule, census: Census) {
    this.#rule = rule;
    this.#census = census;
  }

  look(view: ClusterView): void {
    const pool = fleetOf(view).serving.filter(({ role }) => role !== roles.batch);
    if (pool.length === 0) return;
    const busy = pool.reduce((sum, group) => sum + this.#busyIn(group), 0);
    this.#peakBusy = Math.max(this.#peakBusy ?? 0, busy);
  }

  /**
   * Returns the wanted size of the pool, given its current size including starting instances. If none of them
   * serves, the load is unknown and the number stays.
   */
  want(numInstances: number): InteractiveWish {
    const { minInstances, scaleInAfter } = this.#rule;
    const numBusy = this.#peakBusy;
    this.#peakBusy = undefined;
    if (numBusy === undefined) return { numInstances: Math.max(minInstances, numInstances), numBusy };
    const wish = Math.max(minInstances, this.#wish(numBusy, numInstances));
    this.#wishes.push(wish);
    if (this.#wishes.length > scaleInAfter) this.#wishes.shift();
    if (wish >= numInstances) return { numInstances: wish, numBusy };
    const highest = this.#wishes.length < scaleInAfter ? numInstances : Math.max(...this.#wishes);
    return { numInstances: Math.min(numInstances, highest), numBusy };
  }

  /**
   * With `step` = `one`, the pool shrinks only if the share of busy instances stays at or below Theta
   * afterwards. Otherwise the number would alternate at every decision wherever no number of instances makes
   * the share exactly Theta. Both settings of `step` therefore settle at the same number.
   */
  #wish(numBusy: number, numInstances: number): number {
    const target = Math.ceil(numBusy / this.#rule.theta - epsilon);
    if (this.#rule.step === 'target') return target;
    return numInstances + Math.sign(target - numInstances);
  }

  #busyIn({ id, stages, limits }: GroupView): number {
    const numInteractive = this.#census.interactiveIn(id);
    const share = this.#rule.busy === 'fraction' ? numInteractive / limits.maxRunning : numInteractive;
    return stages.length * Math.min(1, share);
  }
}
