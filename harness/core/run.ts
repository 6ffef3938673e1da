import { usPerSecond } from '../base/units.ts';
import type { StackMember } from '../policy/stack.ts';
import type { PolicyEvent } from '../policy/views.ts';
import { applyDecisions } from './apply-decision.ts';
import { type Fault, planFaults } from './groups/fault.ts';
import { startFirstGroups } from './groups/first-groups.ts';
import { checkInvariants } from './invariants/check-invariants.ts';
import { endRequest, planArrivals, planRetry, retryHeld } from './lifecycle.ts';
import { planReports } from './report-load.ts';
import { EndlessError, endlessEvents, StuckError } from './run-errors.ts';
import { planSamples, sample } from './sampling.ts';
import { Cluster, type ClusterOptions } from './state/cluster.ts';
import { eventPriority, keepsRunAlive } from './state/events.ts';
import { step } from './step/step-loop.ts';

export interface RunOptions extends ClusterOptions {
  readonly sampleIntervalUs: number;
  /** Instances that fail while the run lasts. */
  readonly faults: readonly Fault[];
  /** The run is cut off here; requests that are still open count as unfinished. */
  readonly maxDurationUs: number;
  /** Checks every invariant after so many events; 0 for never. */
  readonly checkEvery: number;
  /** Told the virtual time of every event, before it happens. */
  readonly onTime?: ((nowUs: number) => void) | undefined;
  readonly onProgress?: (progress: { readonly ended: number; readonly nowUs: number }) => void;
}

export interface RunTotals {
  readonly durationUs: number;
  /** Sum over instances of the time from asking for one to its release, or to the end of the run. */
  readonly instanceUs: number;
  readonly generatedTokens: number;
  readonly swappedBytes: number;
  readonly numRejectedDecisions: number;
  readonly wasCutOff: boolean;
}

/** Runs a workload through a cluster to its end, in virtual time. Synchronous and deterministic. */
export function runCluster(options: RunOptions): RunTotals {
  const cluster: Cluster = new Cluster(options, {
    step: (group) => step(cluster, group),
    notify: (event) => notify(cluster, event),
  });
  startFirstGroups(cluster, options);
  planArrivals(cluster);
  for (const member of options.stack.members) planTicks(cluster, member);
  planFaults(cluster, options.faults);
  planReports(cluster);
  planSamples(cluster, options.sampleIntervalUs);
  const wasCutOff = fireEvents(cluster, options);
  sample(cluster);
  for (const request of cluster.requests.live.values()) endRequest(cluster, request, 'unfinished');
  checkInvariants(cluster);
  return {
    durationUs: cluster.nowUs,
    instanceUs: cluster.topology.instances.reduce(
      (sum, { requestedAtUs, releasedAtUs }) => sum + (releasedAtUs ?? cluster.nowUs) - requestedAtUs,
      0,
    ),
    generatedTokens: cluster.totals.generatedTokens,
    swappedBytes: cluster.totals.swappedBytes,
    numRejectedDecisions: cluster.totals.numRejectedDecisions,
    wasCutOff,
  };
}

/** Fires events until every request has ended, or nothing can make progress. Returns whether `maxDurationUs` cut the run off. */
function fireEvents(cluster: Cluster, options: RunOptions): boolean {
  const { events } = cluster.effects;
  let numEvents = 0;
  let numAtThisTime = 0;
  let lastTimeUs = -1;
  let progressAtUs = 0;
  while (canGoOn(cluster, progressAtUs)) {
    const event = events.next(options.maxDurationUs);
    if (event === undefined) return true;
    if (keepsRunAlive(event.priority)) progressAtUs = event.timeUs;
    numAtThisTime = event.timeUs > lastTimeUs ? 0 : numAtThisTime + 1;
    lastTimeUs = event.timeUs;
    if (numAtThisTime > endlessEvents) throw new EndlessError(lastTimeUs);
    options.onTime?.(event.timeUs);
    event.fire();
    numEvents += 1;
    if (options.checkEvery > 0 && numEvents % options.checkEvery === 0) checkInvariants(cluster);
    if (numEvents % progressEvery === 0)
      options.onProgress?.({ ended: cluster.totals.numEnded, nowUs: cluster.nowUs });
  }
  if (cluster.requests.live.size > 0) throw new StuckError(cluster);
  return false;
}

const progressEvery = 256;

/**
 * Whether a request is open or yet to arrive, and something can happen to it. With a policy that ticks, or reports that are
 * still to come, time goes on where nothing else does: it may yet act, but not for ever.
 */
function canGoOn(cluster: Cluster, progressAtUs: number): boolean {
  const { effects, requests, nowUs, stack, loadReports } = cluster;
  if (requests.live.size === 0 && requests.numPendingArrivals === 0) return false;
  if (effects.events.hasLiveEvents) return true;
  const reportUs = loadReports.reporting.kind === 'every' ? loadReports.reporting.us : 0;
  const longestUs = Math.max(reportUs, ...stack.members.map(({ policy }) => policy.tickUs ?? 0));
  return longestUs > 0 && nowUs - progressAtUs < Math.max(leastPatienceUs, 3 * longestUs);
}

/** Longer than any policy has reason to watch requests that cannot go on, unless it ticks more rarely. */
const leastPatienceUs = 60 * usPerSecond;

function notify(cluster: Cluster, event: PolicyEvent): void {
  const answers = cluster.stack.onEvent(event, cluster.loadReports.view);
  for (const answer of answers) applyDecisions(cluster, 'onEvent', answer);
  // One more arrival makes no room for those that wait.
  if (event.kind !== 'requestArrived' || answers.length > 0) planRetry(cluster);
}

function planTicks(cluster: Cluster, member: StackMember): void {
  const { tickUs } = member.policy;
  if (tickUs === undefined) return;
  const tick = (): void => {
    const value = cluster.stack.onTick(member, cluster.loadReports.view);
    applyDecisions(cluster, 'onTick', { policy: member.name, value });
    // At once: a retry that is planned would count as progress, although nothing may come of it.
    retryHeld(cluster);
    cluster.effects.events.scheduleCall(cluster.nowUs + tickUs, eventPriority.tick, tick);
  };
  cluster.effects.events.scheduleCall(tickUs, eventPriority.tick, tick);
}
