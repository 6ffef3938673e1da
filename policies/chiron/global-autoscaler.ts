import type { ClusterView, Decision, PolicyDeps } from '../../harness/policy/index.ts';
import { coldStartUs } from '../autoscaling/cold-start.ts';
import { fleetOf } from '../autoscaling/fleet.ts';
import { BatchPressure, type BatchWish } from './batch-pressure.ts';
import type { Census } from './census.ts';
import { InteractivePressure } from './interactive-pressure.ts';
import type { OutputLengths } from './output-lengths.ts';
import type { Params } from './params.ts';
import { rebalance, type Wanted } from './rebalance.ts';
import type { ServiceClasses } from './service-classes.ts';
import type { Throughput } from './throughput.ts';

/** What Chiron's parts have learned and share. */
export interface Learned {
  readonly classes: ServiceClasses;
  readonly census: Census;
  readonly lengths: OutputLengths;
  readonly throughput: Throughput;
}

/**
 * Chiron's global autoscaler: once in the time that an instance takes to start, how many there are to be of each
 * type. Interactive and mixed ones by the share that is busy (`interactive-pressure.ts`), batch ones by deadlines
 * that would be missed (`batch-pressure.ts`). Where both want more than the cluster may have, interactive requests
 * go first.
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
    const startUs = coldStartUs(deps);
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

  /** Most deadline groups that were late at a decision. */
  get maxLate(): number {
    return this.#maxLate;
  }

  /** Most batch instances that a decision asked for. */
  get maxBatch(): number {
    return this.#maxBatch;
  }

  /** The types that instances have at the start. */
  begin(view: ClusterView): readonly Decision[] {
    const { numServing, numComing } = fleetOf(view);
    const total = numServing + numComing;
    const most = this.#classes.batchNames.length === 0 ? 0 : this.#params.batchInstances;
    const numBatch = Math.max(0, Math.min(most, total - 1));
    const numInstances = this.#split(total - numBatch, numBatch);
    const decisions = rebalance(view, { numInstances, reason: 'types at the start' }, this.#census);
    // Pipelines may not divide as wanted; that is no reason to scale.
    return decisions.filter(({ kind }) => kind === 'setRole');
  }

  /** To be called more often than decisions are wanted: the load is looked at each time. */
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

  /** The pool always keeps a mixed instance. */
  #split(numPool: number, numBatch: number): Wanted['numInstances'] {
    const most = this.#classes.hasInteractive ? this.#params.interactiveInstances : 0;
    const interactive = Math.max(0, Math.min(most, numPool - 1));
    return { interactive, mixed: numPool - interactive, batch: numBatch };
  }
}

/** Interactive and mixed instances, those that are coming included. */
function poolSize(view: ClusterView): number {
  const all = fleetOf(view);
  const batch = fleetOf(view, 'batch');
  return all.numServing + all.numComing - batch.numServing - batch.numComing;
}

function late({ numLate }: BatchWish): string {
  return numLate === undefined ? 'no throughput known yet' : `${numLate} groups of batch requests late`;
}
