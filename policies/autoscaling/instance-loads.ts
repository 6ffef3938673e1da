import type { ClusterView, InstanceView } from '../../harness/policy/index.ts';

/** What an instance that serves would show its monitoring. */
export interface InstanceLoad {
  /** Share of its KV cells in use: from 0 to 1, however long the queue. */
  readonly kvUsage: number;
  /** Queued and preempted requests. A member of a pipeline has its share of the pipeline's. */
  readonly waiting: number;
  /** All requests, whether they wait, run, or have their KV elsewhere. */
  readonly requests: number;
}

/** Instances by what is known of their load. Those that drain are no longer counted, as the scaling is about the others. */
export interface InstanceLoads {
  readonly known: readonly InstanceLoad[];
  /** Up, but without figures: they load weights or warm up, and their server does not answer yet. */
  readonly numMissing: number;
  /** Asked for, and not there yet. */
  readonly numPending: number;
}

/**
 * Reads off the load of every instance: what is asked for now, and not what has been completed, which lags behind a burst
 * by as long as the requests take.
 *
 * There is no utilisation of the device among it: one that decodes a single sequence is as busy as one that decodes a
 * hundred, so that the figure is near 100 % at any load and says nothing about the number of instances needed.
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

/** Requests of the groups that an instance is a member of, shared out evenly between the members. */
function queuesByInstance(view: ClusterView): Map<number, { waiting: number; requests: number }> {
  const queues = new Map<number, { waiting: number; requests: number }>();
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

/** Requests that wait, those that are held at the cluster included. */
export function countWaiting(view: ClusterView): number {
  return view.groups.reduce((sum, { waiting }) => sum + waiting.length, view.held.length);
}
