import type { ClusterView, InstanceId, InstanceView } from '../../harness/policy/index.ts';

/** The load metrics of one serving instance, as a monitoring system would scrape them. */
export interface InstanceLoad {
  /** Used KV cells divided by all KV cells, 0 to 1. Queued requests do not count. */
  readonly kvUsage: number;
  /**
   * Queued and preempted requests. Each member of a pipeline counts an equal share of the pipeline's queue.
   */
  readonly waiting: number;
  /** All requests, in whichever state: waiting, running, swapped or stalled. */
  readonly requests: number;
}

/**
 * The instances grouped by what is known of their load. Draining instances are left out, because scaling
 * decides about the others.
 */
export interface InstanceLoads {
  readonly known: readonly InstanceLoad[];
  /** Instances that load weights or warm up: their server runs but does not answer yet. */
  readonly numMissing: number;
  /** Instances that are still being provisioned. */
  readonly numPending: number;
}

/**
 * Reads the current load of every instance. It is the demand now and not the rate of completions, which lags
 * behind a burst by the duration of the requests.
 *
 * Device utilisation is deliberately not a metric: a device that decodes one sequence is as busy as one that
 * decodes a hundred, so the figure is near 100 % at any load and does not tell how many instances are needed.
 */
export function instanceLoads(view: ClusterView): InstanceLoads {
  const queues = queuesByInstance(view);
  const ofState = (...states: readonly InstanceView['state'][]) =>
    view.instances.filter(({ state }) => states.includes(state));
  return {
    known: ofState('ready').map(({ id, usedCells, totalCells }) => ({
      kvUsage: usedCells / totalCells,
      waiting: queues.get(id)?.waiting ?? 0,
      requests: queues.get(id)?.requests ?? 0,
    })),
    numMissing: ofState('loading', 'warming-up').length,
    numPending: ofState('provisioning').length,
  };
}

/**
 * Sums the requests of all groups that each instance belongs to; a group's requests are divided evenly among
 * its members.
 */
function queuesByInstance(view: ClusterView): Map<InstanceId, { waiting: number; requests: number }> {
  const queues = new Map<InstanceId, { waiting: number; requests: number }>();
  for (const { stages, waiting, running, swapped, stalled } of view.groups) {
    const requests = waiting.length + running.length + swapped.length + stalled.length;
    for (const { instance } of stages) {
      const queue = queues.get(instance.id) ?? { waiting: 0, requests: 0 };
      queue.waiting += waiting.length / stages.length;
      queue.requests += requests / stages.length;
      queues.set(instance.id, queue);
    }
  }
  return queues;
}

/** Counts waiting requests in all groups, plus those held at the cluster. */
export function countWaiting(view: ClusterView): number {
  return view.groups.reduce((sum, { waiting }) => sum + waiting.length, view.held.length);
}
