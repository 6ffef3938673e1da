import type { ClusterView, GroupView } from '../../harness/policy/index.ts';
import { fleetOf } from '../autoscaling/fleet.ts';
import type { Census } from './census.ts';
import type { Params } from './params.ts';
import { roles } from './roles.ts';

type Rule = Pick<Params, 'theta' | 'busy' | 'step' | 'scaleInAfter' | 'minInstances'>;

export interface InteractiveWish {
  readonly numInstances: number;
  /** `undefined` where nothing is known of the load. */
  readonly numBusy: number | undefined;
}

/** Quotients that are whole numbers but for rounding. */
const epsilon = 1e-9;

/**
 * Chiron's IBP: the share of interactive and mixed instances that are busy with interactive requests, kept at
 * Theta. The rest is there for what a burst brings while new instances start, and for batch requests until then.
 *
 * Decided on is the highest number of busy instances since the last decision: one look would miss what has come
 * and gone.
 */
export class InteractivePressure {
  readonly #rule: Rule;
  readonly #census: Census;
  /** Since the last decision; `undefined` while nobody of the pool has been seen serving. */
  #peakBusy: number | undefined;
  /** The latest wishes, at most `scaleInAfter`. */
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
   * Instances wanted of the pool, of which there are so many, those that are coming included. Where none of it
   * serves, nothing is known of the load: the number stays.
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
   * By one, an instance is only given up if that does not put the share above Theta again; otherwise the number
   * would change at every decision wherever no number of instances makes the share equal to Theta. So both forms
   * come to rest at the same number.
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
