import { type ClusterView, coldStartUs, type Decision, type PolicyDeps } from '../../harness/policy/index.ts';
import { fleetOf } from '../autoscaling/fleet.ts';
import { BatchPressure, type BatchWish } from './batch-pressure.ts';
import type { Census } from './census.ts';
import { InteractivePressure } from './interactive-pressure.ts';
import type { OutputLengths } from './output-lengths.ts';
import type { Params } from './params.ts';
import { rebalance, type Wanted } from './rebalance.ts';
import type { ServiceClasses } from './service-classes.ts';
import type { Throughput } from './throughput.ts';

/**
 * State that Chiron's parts share: request classes, request counts, and learned answer lengths and
 * throughput.
 */
export interface Learned {
  readonly classes: ServiceClasses;
  readonly census: Census;
  readonly lengths: OutputLengths;
  readonly throughput: Throughput;
}

/**
 * Chiron's global autoscaler: decides how many instances of each type there should be, once per start-up time
 * of an instance. Interactive and mixed instances follow the share that is busy (`interactive-pressure.ts`),
 * batch instances the deadlines that would be missed (`batch-pressure.ts`). If both together exceed the
 * cluster's maximum, interactive requests take precedence.
 */
export class GlobalAutoscaler {
  readonly intervalUs: number;
  readonly #params: Params;
  readonly #classes: ServiceClasses;
  readonly #census: Census;
  readonly #interactive: InteractivePressure;
  readonly #batch: BatchPressure;
  #lastDecisionUs = 0;
  #maxLate = 0;
  #maxBatch = 0;

  constructor(params: Params, learned: Learned, deps: PolicyDeps) {
    const startUs = coldStartUs(deps.model, deps.startHardware);
    this.intervalUs = Math.max(
      1,
      Math.round(params.intervalS === undefined ? startUs : params.intervalS * 1e6),
    );
    this.#params = params;
    this.#classes = learned.classes;
    this.#census = learned.census;
    this.#interactive = new InteractivePressure(params, learned.census);
    const groupSpanUs = params.deadlineGroupS === undefined ? this.intervalUs : params.deadlineGroupS * 1e6;
    const times = { startUs, intervalUs: this.intervalUs, groupSpanUs };
    this.#batch = new BatchPressure(learned, times, params.waitDeviations);
  }

  /** The largest number of late deadline groups at any decision so far. */
  get maxLate(): number {
    return this.#maxLate;
  }

  /** The largest number of batch instances that any decision asked for. */
  get maxBatch(): number {
    return this.#maxBatch;
  }

  /** Assigns the types of the instances that exist at the start. */
  begin(view: ClusterView): readonly Decision[] {
    const { numServing, numComing } = fleetOf(view);
    const total = numServing + numComing;
    const most = this.#classes.batchNames.length === 0 ? 0 : this.#params.batchInstances;
    const numBatch = Math.max(0, Math.min(most, total - 1));
    const numInstances = this.#split(total - numBatch, numBatch);
    const decisions = rebalance(view, { numInstances, reason: 'types at the start' }, this.#census);
    // Pipelines may not divide into the wanted numbers; that is no reason to scale.
    return decisions.filter(({ kind }) => kind === 'setRole');
  }

  /**
   * Samples the load on every call and decides once per interval. Must be called more often than once per
   * interval for the samples to be useful.
   */
  poll(view: ClusterView): readonly Decision[] {
    this.#interactive.look(view);
    if (view.nowUs - this.#lastDecisionUs < this.intervalUs) return [];
    this.#lastDecisionUs = view.nowUs;
    return rebalance(view, this.#decide(view), this.#census);
  }

  #decide(view: ClusterView): Wanted {
    const inPool = poolSize(view);
    const wish = this.#interactive.want(inPool);
    const numPool = Math.min(wish.numInstances, view.maxInstances);
    const batch = this.#batch.want(view, inPool === 0 ? 0 : Math.min(1, numPool / inPool));
    this.#maxLate = Math.max(this.#maxLate, batch.numLate ?? 0);
    const { batchPressure, batchInstances } = this.#params;
    const wanted = batchPressure ? batch.numInstances : batchInstances;
    const numBatch = Math.min(wanted, view.maxInstances - numPool);
    this.#maxBatch = Math.max(this.#maxBatch, numBatch);
    const busy = wish.numBusy === undefined ? 'unknown number' : Math.round(wish.numBusy * 100) / 100;
    const reason = `${busy} of ${inPool} interactive and mixed instances busy; ${late(batch)}`;
    return { numInstances: this.#split(numPool, numBatch), reason };
  }

  /** Divides the pool into interactive and mixed instances; at least one is always mixed. */
  #split(numPool: number, numBatch: number): Wanted['numInstances'] {
    const most = this.#classes.hasInteractive ? this.#params.interactiveInstances : 0;
    const interactive = Math.max(0, Math.min(most, numPool - 1));
    return { interactive, mixed: numPool - interactive, batch: numBatch };
  }
}

/** Counts the interactive and mixed instances, including those that are starting. */
function poolSize(view: ClusterView): number {
  const all = fleetOf(view);
  const batch = fleetOf(view, 'batch');
  return all.numServing + all.numComing - batch.numServing - batch.numComing;
}

function late({ numLate }: BatchWish): string {
  return numLate === undefined ? 'no throughput known yet' : `${numLate} groups of batch requests late`;
}
