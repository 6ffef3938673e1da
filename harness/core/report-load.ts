import { planRetry, retryHeld } from './lifecycle.ts';
import type { Cluster } from './state/cluster.ts';
import { eventPriority } from './state/events.ts';
import type { InstanceGroup } from './state/group.ts';
import type { StepBatch } from './state/step-batch.ts';

/** Plans the reports of all groups, from the beginning on, where the load is asked for at intervals; else does nothing. */
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

/** Takes the report that a finished step carries, if it carries one, and asks about held requests again. */
export function reportStep(cluster: Cluster, group: InstanceGroup, batch: StepBatch): void {
  if (cluster.loadReports.stepEnded(group, batch)) planRetry(cluster);
}

/** Takes a report of a group that has nothing under way at once, and asks about held requests again. */
export function reportIdle(cluster: Cluster, group: InstanceGroup): void {
  if (cluster.loadReports.idle(group)) planRetry(cluster);
}
