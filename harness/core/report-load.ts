import { planRetry, retryHeld } from './lifecycle.ts';
import type { Cluster } from './state/cluster.ts';
import { eventPriority } from './state/events.ts';
import type { InstanceGroup } from './state/group.ts';
import type { StepBatch } from './state/step-batch.ts';

/** Where the load is asked for at intervals: asks all groups, from the beginning on. */
export function planReports(cluster: Cluster): void {
  const { loadReports, effects } = cluster;
  if (loadReports.reporting.kind !== 'every') return;
  const { us: intervalUs } = loadReports.reporting;
  const next = (): void => {
    loadReports.takeAll();
    // At once: a retry that is planned would count as progress, and reports come for ever.
    retryHeld(cluster);
    effects.events.scheduleCall(cluster.nowUs + intervalUs, eventPriority.report, next);
  };
  effects.events.scheduleCall(0, eventPriority.report, next);
}

/** A step has come back, and what it carries tells how its group stood; held requests may find a place now. */
export function reportStep(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  if (cluster.loadReports.stepEnded(group, batch)) planRetry(cluster);
}

/** A group has nothing under way: it tells so at once. */
export function reportIdle(cluster: Cluster, group: InstanceGroup): void {
  if (cluster.loadReports.idle(group)) planRetry(cluster);
}
