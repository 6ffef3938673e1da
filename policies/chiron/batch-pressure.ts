import type { ClusterView, GroupView, RequestView } from '../../harness/policy/index.ts';
import { countInstances, fleetOf } from '../autoscaling/fleet.ts';
import { numRequestsOf } from '../dispatching/num-requests.ts';
import type { Census } from './census.ts';
import { countLate, DeadlineGroups, instancesToStart, type Service } from './deadline-groups.ts';
import type { OutputLengths } from './output-lengths.ts';
import { isMixed, roles } from './roles.ts';
import type { ServiceClasses } from './service-classes.ts';
import type { Throughput } from './throughput.ts';

export interface BatchWish {
  readonly numInstances: number;
  /**
   * Deadline groups that would be late with the instances serving now; undefined until a throughput has been
   * measured.
   */
  readonly numLate: number | undefined;
}

/**
 * The times that the estimate uses, in microseconds: how long an instance takes to start, the interval
 * between decisions, and the span of deadlines that forms one deadline group.
 */
export interface BatchTimes {
  readonly startUs: number;
  readonly intervalUs: number;
  readonly groupSpanUs: number;
}

/** Computes how many batch instances the waiting batch requests need. */
export class BatchPressure {
  readonly #classes: ServiceClasses;
  readonly #census: Census;
  readonly #lengths: OutputLengths;
  readonly #throughput: Throughput;
  readonly #times: BatchTimes;
  readonly #deviations: number;

  /** `deviations` is explained at `Service`. */
  constructor(
    learned: { classes: ServiceClasses; census: Census; lengths: OutputLengths; throughput: Throughput },
    times: BatchTimes,
    deviations: number,
  ) {
    this.#classes = learned.classes;
    this.#census = learned.census;
    this.#lengths = learned.lengths;
    this.#throughput = learned.throughput;
    this.#times = times;
    this.#deviations = deviations;
  }

  /**
   * Returns the wanted number of batch instances. While batch requests wait, it is never below the current
   * number; once none waits, it counts only the instances that still have requests. `mixedShare` (0 to 1) is
   * the share of the mixed instances that will remain.
   */
  want(view: ClusterView, mixedShare: number): BatchWish {
    const { serving, numServing, numComing } = fleetOf(view, roles.batch);
    const groups = this.#waiting(view);
    if (groups.length === 0) {
      return {
        numInstances: countInstances(serving.filter((group) => numRequestsOf(group) > 0)),
        numLate: 0,
      };
    }
    const have = numServing + numComing;
    const numOnMixed = mixedShare * this.#instancesOnMixed(view);
    const tokensPerUs = this.#throughput.perInstance(fleetOf(view).serving);
    // Without a measured throughput, one instance is enough to start serving and to measure it.
    if (tokensPerUs === undefined) {
      return { numInstances: have === 0 && numOnMixed === 0 ? 1 : have, numLate: undefined };
    }
    const { startUs, intervalUs } = this.#times;
    const service: Service = {
      nowUs: view.nowUs,
      tokensPerUs,
      numServing: numServing + numOnMixed,
      startUs,
      intervalUs,
      deviations: this.#deviations,
    };
    const numToStart = instancesToStart(groups, service, view.maxInstances);
    return { numInstances: Math.max(have, numServing + numToStart), numLate: countLate(groups, service, 0) };
  }

  /**
   * Collects the batch requests that do not run: held at the cluster, queued at an instance, or evicted to
   * host memory.
   */
  #waiting(view: ClusterView) {
    const groups = new DeadlineGroups(this.#times.groupSpanUs);
    const add = (request: RequestView): void => {
      groups.add(
        this.#classes.deadlineUs(request),
        this.#lengths.remaining(request),
        this.#lengths.variance(request),
      );
    };
    for (const name of this.#classes.batchNames) for (const request of view.held.ofClass(name)) add(request);
    for (const { id, waiting, swapped } of view.groups) {
      if (this.#census.batchIn(id) === 0) continue;
      for (const list of [waiting, swapped]) {
        for (const request of list) if (this.#classes.isBatch(request.className)) add(request);
      }
    }
    return groups.inOrder();
  }

  /**
   * The equivalent number of mixed instances that work on batch requests. Each request gets about one token
   * per step, so the batch share of an instance's requests is taken for its share of the tokens.
   */
  #instancesOnMixed(view: ClusterView): number {
    const mixed = fleetOf(view).serving.filter(({ role }) => isMixed(role));
    return mixed.reduce((sum, group) => sum + this.#batchShare(group) * group.stages.length, 0);
  }

  #batchShare({ id }: GroupView): number {
    const numInteractive = this.#census.interactiveIn(id);
    const numBatch = this.#census.batchIn(id);
    return numInteractive === 0 ? 1 : numBatch / (numInteractive + numBatch);
  }
}
