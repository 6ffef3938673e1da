import { applyDecisions } from './apply-decision.ts';
import { Cluster, type ClusterOptions } from './state/cluster.ts';
import { eventPriority, makesProgress } from './state/events.ts';
import { type Fault, planFaults } from './groups/fault.ts';
import { startFirstGroups } from './groups/first-groups.ts';
import { planReports } from './report-load.ts';
import type { InstanceGroup } from './state/group.ts';
import type { Instance } from './state/instance.ts';
import { checkInvariants } from './invariants.ts';
import { endRequest, planArrivals, planRetry, retryHeld } from './lifecycle.ts';
import { usPerSecond } from '../base/units.ts';
import { modelWeightBytes } from '../domain/model-shape.ts';
import { step } from './step/step-loop.ts';
import type { StackMember } from '../policy/stack.ts';
import type { PolicyEvent } from '../policy/views.ts';

export interface RunOptions extends ClusterOptions {
  readonly sampleIntervalUs: number;
  /** Instances that fail while the run lasts. */
  readonly faults: readonly Fault[];
  /** The run is cut off here; requests that are still open count as unfinished. */
  readonly maxDurationUs: number;
  /** Checks every invariant after so many events; 0 for never. */
  readonly checkEvery: number;
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

/** Nothing can happen any more, but requests are waiting: the policies have left them without a way on. */
export class StuckError extends Error {
  readonly code = 'stuck';

  constructor(cluster: Cluster) {
    const groups = cluster.topology.groups
      .filter((group) => group.numRequests > 0)
      .map(
        (group) =>
          `group ${group.id}: ${group.waiting.length} waiting, ${group.running.length} running, ` +
          `${group.swapped.length} swapped, ${group.exchanging.length} exchanging, ${group.freeBlocks} of ${group.totalBlocks} KV blocks free`,
      );
    super(
      `at ${cluster.nowUs} us nothing is left to happen, but ${cluster.requests.live.size} requests are still open ` +
        `(${[`${cluster.requests.held.length} held at the cluster`, ...groups].join('; ')}). ` +
        adviceFor(cluster) +
        (cluster.totals.lastRefusal === undefined
          ? ''
          : ` The last decision refused was ${cluster.totals.lastRefusal}.`),
    );
    this.name = 'StuckError';
  }
}

function adviceFor({ topology }: Cluster): string {
  return topology.groups.some(({ acceptsRequests }) => acceptsRequests)
    ? 'No policy of the stack made room or placed them; add one that does, recompute for example.'
    : 'No instance takes requests any more: policies have drained them, and none asks for another.';
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
  const wasCutOff = drainEvents(cluster, options);
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

/** Fires events until every request has ended, or nothing can make progress; whether the time limit ended the run. */
function drainEvents(cluster: Cluster, options: RunOptions): boolean {
  const { events } = cluster.effects;
  let numEvents = 0;
  let numAtThisTime = 0;
  let lastTimeUs = -1;
  let progressAtUs = 0;
  while (canGoOn(cluster, progressAtUs)) {
    const event = events.next(options.maxDurationUs);
    if (event === undefined) return true;
    if (makesProgress(event.priority)) progressAtUs = event.timeUs;
    numAtThisTime = event.timeUs > lastTimeUs ? 0 : numAtThisTime + 1;
    lastTimeUs = event.timeUs;
    if (numAtThisTime > endlessEvents) throw new EndlessError(lastTimeUs);
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

/** More events in one microsecond than any load brings at once: somebody reacts to the consequences of the reaction. */
const endlessEvents = 20_000_000;

/** Virtual time stands still: a policy's decisions cause the moment at which it decides them again. */
export class EndlessError extends Error {
  readonly code = 'endless';

  constructor(timeUs: number) {
    super(
      `at ${timeUs} us more than ${endlessEvents} events happened without time going on; some decision causes itself`,
    );
    this.name = 'EndlessError';
  }
}

/**
 * Whether a request is open or yet to arrive, and something can happen to it. With a policy that ticks, or reports that are
 * still to come, time goes on where nothing else does: it may yet act, but not for ever.
 */
function canGoOn(cluster: Cluster, progressAtUs: number): boolean {
  const { effects, requests, nowUs, stack, reports } = cluster;
  if (requests.live.size === 0 && requests.numPendingArrivals === 0) return false;
  if (effects.events.hasProgress) return true;
  const reportUs = reports.reporting.kind === 'every' ? reports.reporting.us : 0;
  const longestUs = Math.max(reportUs, ...stack.members.map(({ policy }) => policy.tickUs ?? 0));
  return longestUs > 0 && nowUs - progressAtUs < Math.max(leastPatienceUs, 3 * longestUs);
}

/** Longer than any policy has reason to watch requests that cannot go on, unless it ticks more rarely. */
const leastPatienceUs = 60 * usPerSecond;

function notify(cluster: Cluster, event: PolicyEvent): void {
  const answers = cluster.stack.onEvent(event, cluster.reports.view);
  for (const answer of answers) applyDecisions(cluster, 'onEvent', answer);
  // One more arrival makes no room for those that wait.
  if (event.kind !== 'requestArrived' || answers.length > 0) planRetry(cluster);
}

function planTicks(cluster: Cluster, member: StackMember): void {
  const { tickUs } = member.policy;
  if (tickUs === undefined) return;
  const tick = (): void => {
    const value = cluster.stack.onTick(member, cluster.reports.view);
    applyDecisions(cluster, 'onTick', { policy: member.name, value });
    // At once: a retry that is planned would count as progress, although nothing may come of it.
    retryHeld(cluster);
    cluster.effects.events.scheduleCall(cluster.nowUs + tickUs, eventPriority.tick, tick);
  };
  cluster.effects.events.scheduleCall(tickUs, eventPriority.tick, tick);
}

function planSamples(cluster: Cluster, intervalUs: number): void {
  const next = (): void => {
    sample(cluster);
    cluster.effects.events.scheduleCall(cluster.nowUs + intervalUs, eventPriority.sample, next);
  };
  cluster.effects.events.scheduleCall(0, eventPriority.sample, next);
}

function sample(cluster: Cluster): void {
  for (const instance of cluster.topology.instances) {
    // One row says that it is gone.
    if (!instance.isGoneSampled) sampleInstance(cluster, instance);
    instance.isGoneSampled = instance.isGone;
  }
}

function sampleInstance(cluster: Cluster, instance: Instance): void {
  const { ledger } = instance;
  const hasDevice = instance.hasDevice;
  const led = cluster.topology.groupsOn(instance).filter(({ pipeline }) => pipeline[0]?.member === instance);
  const sum = (count: (group: InstanceGroup) => number): number => {
    return led.reduce((total, group) => total + count(group), 0);
  };
  cluster.effects.observer.sample({
    timeUs: cluster.nowUs,
    instance: instance.id,
    groupId: cluster.topology.homeOf(instance)?.id ?? -1,
    role: instance.role,
    state: instance.state,
    weightBytes: hasDevice ? ledger.weightBytes : 0,
    kvUsedBytes: ledger.usedCells * ledger.cellBytes,
    kvFreeBytes: hasDevice ? ledger.freeCells * ledger.cellBytes : 0,
    reserveBytes: hasDevice ? ledger.reserveBytes : 0,
    loadingBytes: hasDevice ? ledger.loadingBytes : 0,
    droppedBytes: hasDevice ? modelWeightBytes(cluster.model) - ledger.weightBytes - ledger.loadingBytes : 0,
    hostKvBytes: instance.hostKvBytes,
    waitingKvBytes: sum(({ waitingBlocks }) => waitingBlocks) * ledger.cellBytes * instance.layers.count,
    headKvBytes:
      sum(({ waiting }) => waiting.at(0)?.demandBlocks ?? 0) * ledger.cellBytes * instance.layers.count,
    numWaiting: sum(({ waiting }) => waiting.length),
    numRunning: sum(({ running }) => running.length),
    numSwapped: sum(({ swapped }) => swapped.length),
    numExchanging: sum(({ exchanging }) => exchanging.length),
    prefillTokens: instance.prefillTokens,
    decodeTokens: instance.decodeTokens,
    busyUs: instance.busyUs,
  });
  instance.prefillTokens = 0;
  instance.decodeTokens = 0;
  instance.busyUs = 0;
}
