import { z } from 'zod';
import { usPerSecond } from '../base/units.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { RequestClass, RequestSpec } from '../domain/workload.ts';
import { type ClusterView, type Decision, definePolicy, type PolicyDefinition } from '../policy/index.ts';
import { request, type TinyRun, tinyHardware } from './tiny-cluster.ts';

/** A cluster with its load and events in which a policy is tested. */
export type Situation = Omit<TinyRun, 'policies'> & {
  /** A policy that makes decisions at fixed times, as another part of the stack might. */
  readonly script?: PolicyDefinition;
  /** Whether memory suffices for all requests at once, so that none may be rejected. */
  readonly hasRoom?: boolean;
};

/** A load of about two requests at a time, far below what the memory holds. */
const calmLoad: readonly RequestSpec[] = Array.from({ length: 12 }, (_, id) =>
  request(id, id * 20_000, 30, 12),
);

/** Twenty requests of different lengths nearly at once, which need several times the memory. */
export const overload = overloadEvery(300);

function overloadEvery(gapUs: number): readonly RequestSpec[] {
  return Array.from({ length: 20 }, (_, id) =>
    request(id, id * gapUs, 20 + ((id * 37) % 60), 20 + ((id * 53) % 90)),
  );
}

/**
 * A device with steps of at least a quarter of a second, so that the load lasts for minutes: policies poll it
 * every second or every half minute, and an instance takes some seconds to start.
 */
const slowDevice: Partial<Hardware> = {
  compute: { ...tinyHardware(0).compute, stepOverheadUs: usPerSecond / 4 },
  diskBytesPerSecond: 100_000,
  start: {
    provisioning: { meanUs: 2 * usPerSecond, cv: 0.5 },
    weightsFrom: 'disk',
    warmUpUs: usPerSecond,
    failureRatio: 0,
    backoffUs: 2 * usPerSecond,
    maxBackoffUs: 8 * usPerSecond,
  },
};

/**
 * The overload, then one request every 40 s for longer than any autoscaler waits before it removes instances.
 */
const overloadThenCalm: readonly RequestSpec[] = [
  ...overloadEvery(usPerSecond / 4),
  ...Array.from({ length: 12 }, (_, index) => request(20 + index, (200 + 40 * index) * usPerSecond, 30, 12)),
];

const slow = {
  specs: overloadThenCalm,
  blocks: 20,
  hardware: slowDevice,
  sampleIntervalUs: 10 * usPerSecond,
  // Checking after every event would take most of the time with policies that poll every 50 ms.
  checkEvery: 8,
  // One and a half times the duration of the load.
  maxDurationUs: 900 * usPerSecond,
} as const;

const twoClasses: readonly RequestClass[] = [
  { name: 'interactive', priority: 1, slo: { ttftUs: 2 * usPerSecond, tpotUs: usPerSecond } },
  { name: 'batch', priority: 0, slo: {} },
];

/** In every situation all requests must end, whatever the policy under test decides. */
export const situations = {
  'serves a calm load': { specs: calmLoad, hasRoom: true },
  'serves an overload of its memory': { specs: overload, blocks: 20 },
  'serves an overload on several instances': { specs: overload, blocks: 12, numInstances: 3 },
  'serves a pipeline': { specs: overload, blocks: 12, numInstances: 4, stagesPerGroup: 2 },
  'serves a small host memory': { specs: overload, blocks: 20, hostBlocks: 4 },
  'serves classes of unlike priority': {
    ...slow,
    specs: overloadThenCalm.map((spec) => ({
      ...spec,
      className: spec.id % 3 === 0 ? 'interactive' : 'batch',
    })),
    classes: twoClasses,
    numInstances: 2,
    maxInstances: 3,
  },
  'serves with room for more instances': { ...slow, maxInstances: 4 },
  'lives with instances that start, fail to start and drain': {
    ...slow,
    numInstances: 2,
    maxInstances: 4,
    hardware: { ...slowDevice, start: { ...tinyHardware(0).start, ...slowDevice.start, failureRatio: 0.5 } },
    script: scriptOf([
      { atS: 2, decide: () => [{ kind: 'scaleUp', numInstances: 2, reason: 'script' }] },
      { atS: 40, decide: drainOne },
      { atS: 250, decide: () => [{ kind: 'scaleUp', numInstances: 1, reason: 'script' }] },
      { atS: 251, decide: drainOne },
    ]),
  },
  'lives with an instance that fails': {
    ...slow,
    numInstances: 3,
    faults: [{ instance: 0, atUs: 20 * usPerSecond }],
  },
  'lives with a pipeline that loses a member': {
    ...slow,
    numInstances: 4,
    stagesPerGroup: 2,
    faults: [{ instance: 0, atUs: 20 * usPerSecond }],
  },
  'lives with groups that merge and are split again': {
    ...slow,
    numInstances: 3,
    script: scriptOf([
      { atS: 10, decide: mergeTwo },
      { atS: 200, decide: splitAll },
      { atS: 300, decide: mergeTwo },
      { atS: 301, decide: splitAll },
    ]),
  },
} as const satisfies Readonly<Record<string, Situation>>;

/** A scripted decision: asked at every tick from its time on until it returns decisions. */
interface Act {
  readonly atS: number;
  decide(view: ClusterView): readonly Decision[];
}

function scriptOf(acts: readonly Act[]): PolicyDefinition {
  return definePolicy({
    name: 'conformance-script',
    family: 'support',
    summary: 'Decides what a situation of the conformance suite consists of.',
    params: z.strictObject({}),
    capabilities: { scales: true, dropsParameters: true },
    create: () => {
      const left = acts.slice();
      return {
        tickUs: usPerSecond / 2,
        onTick: (view) => {
          const [act] = left;
          if (act === undefined || view.nowUs < act.atS * usPerSecond) return [];
          const decisions = act.decide(view);
          if (decisions.length > 0) left.shift();
          return decisions;
        },
      };
    },
  });
}

/** Drains the newest instance if another one remains to serve. */
function drainOne({ groups }: ClusterView): readonly Decision[] {
  const open = groups.filter(({ phase }) => phase === 'serving' || phase === 'loading');
  const newest = open.at(-1);
  const isAlone = !open.some((group) => group !== newest && group.phase === 'serving');
  return newest === undefined || isAlone ? [] : [{ kind: 'drain', groupId: newest.id, reason: 'script' }];
}

function mergeTwo({ groups }: ClusterView): readonly Decision[] {
  const open = groups.filter(({ phase, stages }) => phase === 'serving' && stages.length === 1);
  const groupIds = open.slice(0, 2).map(({ id }) => id);
  if (groupIds.length < 2) return [];
  const transition = { kind: 'exchange', maxRequests: 8, isCoordinated: true } as const;
  return [{ kind: 'drop', groupIds, transition, reason: 'script' }];
}

function splitAll({ groups }: ClusterView): readonly Decision[] {
  const merged = groups.filter(({ phase, stages }) => phase === 'serving' && stages.length > 1);
  return merged.map(({ id }) => ({ kind: 'restore', groupId: id, running: 'move-back', reason: 'script' }));
}
