import { usPerSecond } from '../base/units.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { PolicyDefinition } from '../policy/index.ts';
import {
  branches,
  calmLoad,
  conversations,
  lastingLoad,
  mixedLoad,
  overload,
  overloadThenCalm,
  twoClasses,
} from './loads.ts';
import { drainOne, mergeTwo, scriptOf, splitAll } from './script.ts';
import type { TinyRun } from './tiny-cluster.ts';
import { tinyHardware } from './tiny-hardware.ts';

/** A cluster with its load and events in which a policy is tested. */
export type Situation = Omit<TinyRun, 'policies'> & {
  /** A policy that makes decisions at fixed times, as another part of the stack might. */
  readonly script?: PolicyDefinition;
  /** Whether memory suffices for all requests at once, so that none may be rejected. */
  readonly hasRoom?: boolean;
};

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

/** In every situation all requests must end, whatever the policy under test decides. */
export const situations = {
  'serves a calm load': { specs: calmLoad, hasRoom: true },
  'serves an overload of its memory': { specs: overload, blocks: 20 },
  'serves an overload on several instances': { specs: overload, blocks: 12, numInstances: 3 },
  'serves a pipeline': { specs: overload, blocks: 12, numInstances: 4, stagesPerGroup: 2 },
  'serves on loads that are reported': {
    specs: overload,
    blocks: 12,
    numInstances: 3,
    loadReports: { kind: 'per-step' },
  },
  'serves conversations': { specs: conversations, blocks: 12, numInstances: 3 },
  'serves branches, some of which are given up': { specs: branches, blocks: 10, numInstances: 2 },
  'serves a small host memory': { specs: overload, blocks: 20, hostBlocks: 4 },
  'serves classes of unlike priority': {
    ...slow,
    specs: mixedLoad,
    classes: twoClasses,
    numInstances: 2,
    maxInstances: 3,
  },
  'serves with room for more instances': { ...slow, maxInstances: 4 },
  'serves a load that lasts, with room for more instances': { ...slow, specs: lastingLoad, maxInstances: 4 },
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
