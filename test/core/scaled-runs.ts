import { expect } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import type { ClusterEventKind } from '../../harness/core/observer.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny, type TinyRun } from '../../harness/conformance/tiny-cluster.ts';
import { tinyHardware } from '../../harness/conformance/tiny-hardware.ts';
import type { Decision, PolicyDefinition } from '../../harness/policy/index.ts';
import { hpa } from '../../policies/hpa/hpa.ts';
import { kedaQueue } from '../../policies/keda-queue/keda-queue.ts';
import { memoryUtilisation } from '../../policies/memory-utilisation/memory-utilisation.ts';

export const ms = 1000;

/** Of a new instance in the tiny cluster: 164,992 B of weights at the 50 MB/s of the host link, and its latency. */
export const weightsUs = 3310;
/** Provisioning, weights, warm-up. */
export const coldUs = 2000 + weightsUs + 500;

/** Where a step takes 300 us whatever is in it, so that the load on an instance is in proportion to its requests. */
const evenSteps = {
  compute: {
    ...tinyHardware(0).compute,
    flopsPerSecond: 1e15,
    memoryBytesPerSecond: 1e15,
    attention: { flopsPerSecond: 1e15, memoryBytesPerSecond: 1e15, mixedDecodeRows: 1 },
  },
};

/** One instance, which may become six, with memory for 40 blocks each. */
export function run(about: Partial<TinyRun> & Pick<TinyRun, 'policies' | 'specs'>) {
  const hardware = { ...evenSteps, ...about.hardware };
  return runTiny({ numInstances: 1, maxInstances: 6, blocks: 40, ...about, hardware });
}

export function withParams(definition: PolicyDefinition, params: object): PolicyDefinition {
  return { ...definition, create: (_, deps) => definition.create(definition.params.parse(params), deps) };
}

/** Periods of milliseconds, as the requests of the tiny cluster take some tens of them. */
export const sync = { syncS: 0.005, periodS: 0.005, downWindowS: 0.05 };
export const byRequests = { metrics: [{ metric: 'requests', target: 4 }], ...sync };

export const autoscalers = {
  'hpa on requests': withParams(hpa, byRequests),
  'hpa on KV usage': withParams(hpa, { metrics: [{ metric: 'kv-usage', target: 0.7 }], ...sync }),
  'keda-queue': withParams(kedaQueue, { target: 2, pollS: 0.01, ...sync }),
  'memory-utilisation': withParams(memoryUtilisation, { checkS: 0.002 }),
};

export const scaleUp = (numInstances: number): Decision => ({
  kind: 'scaleUp',
  numInstances,
  reason: 'test',
});
export const drain = (groupId: number): Decision => ({
  kind: 'drain',
  groupId: asGroupId(groupId),
  reason: 'test',
});

/** Requests that arrive one after the other, of like lengths, with ids from `firstId` on. */
export function steady(about: {
  firstId?: number;
  count: number;
  fromUs: number;
  everyUs: number;
  outputTokens: number;
}) {
  const { firstId = 0, count, fromUs, everyUs, outputTokens } = about;
  return Array.from({ length: count }, (_, index) =>
    request(firstId + index, fromUs + index * everyUs, 30, outputTokens),
  );
}

/** More than an instance has memory for. */
export const burst = steady({ count: 24, fromUs: 0, everyUs: 1500, outputTokens: 120 });

export function applied(seen: Collector, ...kinds: readonly string[]) {
  return seen.decisions.filter(({ kind, outcome }) => outcome === 'applied' && kinds.includes(kind));
}

/** Times of the events of one kind, of all instances or of one. */
export function timesOf(seen: Collector, kind: ClusterEventKind, instance?: number): number[] {
  return seen.events
    .filter((event) => event.kind === kind && (instance === undefined || event.instanceId === instance))
    .map(({ timeUs }) => timeUs);
}

export function expectAllFinished(seen: Collector): void {
  expect(seen.requests.map(({ status }) => status)).toEqual(seen.requests.map(() => 'finished'));
}
