import { modelWeightBytes } from '../domain/model-shape.ts';
import type { Cluster } from './state/cluster.ts';
import { eventPriority } from './state/events.ts';
import type { InstanceGroup } from './state/group.ts';
import type { Instance } from './state/instance.ts';

/** Tells the observer how every instance stands, at this interval from the beginning on. */
export function planSamples(cluster: Cluster, intervalUs: number): void {
  const next = (): void => {
    sample(cluster);
    cluster.effects.events.scheduleCall(cluster.nowUs + intervalUs, eventPriority.sample, next);
  };
  cluster.effects.events.scheduleCall(0, eventPriority.sample, next);
}

/** Records one sample of every instance now. */
export function sample(cluster: Cluster): void {
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
    instanceId: instance.id,
    groupId: cluster.topology.servingGroupOn(instance)?.id ?? -1,
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
    numStalled: sum(({ stalled }) => stalled.length),
    prefillTokens: instance.prefillTokens,
    decodeTokens: instance.decodeTokens,
    busyUs: instance.busyUs,
  });
  instance.prefillTokens = 0;
  instance.decodeTokens = 0;
  instance.busyUs = 0;
}
