import { createRng } from '../base/rng.ts';
import { asGroupId, asInstanceId, asRequestId } from '../domain/ids.ts';
import type {
  ClusterView,
  GroupView,
  HeldView,
  InstanceView,
  PolicyDeps,
  RequestView,
} from '../policy/index.ts';
import { blockSizeTokens, tinyHardware, tinyModel } from './tiny-hardware.ts';

// Views made by hand, for tests that ask one moment of a policy one question. Everything has a value; a test gives those that
// its question is about.

/** Blocks of an instance that holds the whole tiny model; its four layers make four times as many cells. */
export const instanceBlocks = 20;

/** What `create` gets besides parameters: the tiny model and hardware, one class of requests, and a stream of seed 1. */
export const deps: PolicyDeps = {
  rng: createRng(1, 'policy'),
  model: tinyModel,
  startHardware: tinyHardware(instanceBlocks),
  blockSizeTokens,
  classes: [{ name: 'default', priority: 0, slo: {} }],
};

/** A request that decodes, of 16 prompt tokens and without KV. */
export function requestView(id: number, about: Partial<RequestView> = {}): RequestView {
  return {
    id: asRequestId(id),
    sessionId: asRequestId(id),
    parentId: undefined,
    className: 'default',
    priority: 0,
    arrivedAtUs: 0,
    status: { kind: 'decoding' },
    promptTokens: 16,
    outputLimitTokens: 16,
    generatedTokens: 0,
    tokens: 16,
    computedTokens: 0,
    scheduledTokens: 0,
    kvBlocks: 0,
    numPreemptions: 0,
    isInFlight: false,
    migratesTo: undefined,
    ...about,
  };
}

/** An instance that is ready and has no KV. */
export function instanceView(id: number, about: Partial<InstanceView> = {}): InstanceView {
  return {
    id: asInstanceId(id),
    state: 'ready',
    role: 'mixed',
    requestedAtUs: 0,
    weightBytes: 0,
    totalCells: instanceBlocks * tinyModel.numLayers,
    usedCells: 0,
    hostKvBytes: 0,
    hardware: deps.startHardware,
    ...about,
  };
}

/** A group of so many instances, with ids from `10 * id` on; idle unless told otherwise. */
export function groupView(id: number, numInstances: number, about: Partial<GroupView> = {}): GroupView {
  const numLayers = tinyModel.numLayers / numInstances;
  return {
    id: asGroupId(id),
    phase: 'serving',
    role: 'mixed',
    stages: Array.from({ length: numInstances }, (_, index) => ({
      instance: instanceView(10 * id + index),
      firstLayer: index * numLayers,
      numLayers,
    })),
    waiting: [],
    running: [],
    swapped: [],
    stalled: [],
    limits: { maxRunning: 64, maxBatchTokens: 64, watermarkRatio: 0.01, admits: true },
    totalBlocks: instanceBlocks * numInstances,
    freeBlocks: instanceBlocks * numInstances,
    pendingFreeBlocks: 0,
    waitingBlocks: 0,
    demandBlocks: 0,
    acceptsRequests: true,
    lastStepUs: 0,
    numMigratingOut: 0,
    numMigratingIn: 0,
    counters: { numSteps: 0, numCappedSteps: 0, generatedTokens: 0, numTokenGaps: 0, tokenGapSumUs: 0 },
    observedAtUs: 0,
    ...about,
  };
}

/** Requests kept at the cluster, in the order given. */
export function heldView(requests: readonly RequestView[]): HeldView {
  return Object.assign([...requests], {
    ofClass: (name: string) => requests.filter(({ className }) => className === name),
  });
}

/** A cluster of these groups at time 0, of as many instances as it may have; `local` and `request` find what the groups have. */
export function clusterView(groups: readonly GroupView[], about: Partial<ClusterView> = {}): ClusterView {
  const numInstances = groups.reduce((count, { stages }) => count + stages.length, 0);
  return {
    nowUs: 0,
    observedAtUs: 0,
    blockSizeTokens,
    groups,
    instances: groups.flatMap(({ stages }) => stages.map(({ instance }) => instance)),
    numInstances,
    maxInstances: numInstances,
    held: heldView([]),
    local: (id) => groups.find((group) => group.id === id),
    request: (id) => find(groups, id),
    ...about,
  };
}

function find(groups: readonly GroupView[], id: number): RequestView | undefined {
  const lists = groups.flatMap(({ waiting, running, swapped, stalled }) => [
    ...waiting,
    ...running,
    ...swapped,
    ...stalled,
  ]);
  return lists.find((request) => request.id === id);
}
