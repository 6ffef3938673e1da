import { Deque } from '../base/deque.ts';
import { ClusterWindow } from '../core/state/load/cluster-window.ts';
import { InstanceGroup } from '../core/state/group.ts';
import { ReportedGroup, ReportedInstance } from '../core/state/load/reported-group.ts';
import { ReportedList, RequestReport } from '../core/state/load/reported-list.ts';
import { HeldQueue } from '../core/state/held-queue.ts';
import { Instance } from '../core/state/instance.ts';
import { Request } from '../core/state/request.ts';
import type { Policy } from '../policy/index.ts';
import type { ClusterView, GroupView, InstanceView, RequestView } from '../policy/views.ts';
import { createGuard, type Rules } from './guard.ts';

/** All keys that a view promises; the compiler keeps these lists complete. */
const requestKeys: Readonly<Record<keyof RequestView, true>> = {
  id: true,
  className: true,
  priority: true,
  arrivedAtUs: true,
  status: true,
  promptTokens: true,
  outputLimitTokens: true,
  generatedTokens: true,
  tokens: true,
  computedTokens: true,
  scheduledTokens: true,
  kvBlocks: true,
  numPreemptions: true,
  isInFlight: true,
  migratesTo: true,
};

/** Of a request's status, whatever else the core's state has. */
const statusKeys = allowed('kind reason');

const requestRules: Rules = {
  name: 'a request',
  keys: requestKeys,
  inner: { name: 'a status', keys: statusKeys },
};

const groupKeys: Readonly<Record<keyof GroupView, true>> = {
  id: true,
  phase: true,
  role: true,
  stages: true,
  waiting: true,
  running: true,
  swapped: true,
  stalled: true,
  limits: true,
  totalBlocks: true,
  freeBlocks: true,
  pendingFreeBlocks: true,
  waitingBlocks: true,
  demandBlocks: true,
  acceptsRequests: true,
  lastStepUs: true,
  numMigratingOut: true,
  numMigratingIn: true,
  counters: true,
  observedAtUs: true,
};

const instanceKeys: Readonly<Record<keyof InstanceView, true>> = {
  id: true,
  state: true,
  role: true,
  requestedAtUs: true,
  weightBytes: true,
  totalCells: true,
  usedCells: true,
  hostKvBytes: true,
  hardware: true,
};

const clusterKeys: Readonly<Record<keyof ClusterView, true>> = {
  nowUs: true,
  observedAtUs: true,
  blockSizeTokens: true,
  groups: true,
  instances: true,
  numInstances: true,
  maxInstances: true,
  held: true,
  local: true,
  request: true,
};

const heldKeys = allowed('length at ofClass');

/** Array members that only read. Sorting or reversing in place would reorder the core's own queues. */
const listKeys = allowed(
  'length at concat entries every filter find findIndex findLast findLastIndex flatMap flat forEach includes indexOf join keys lastIndexOf map reduce reduceRight slice some toReversed toSorted toSpliced values with',
);

function allowed(names: string): Readonly<Record<string, true>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, true]));
}

const guard = createGuard(rulesOf);

/**
 * Wraps a policy so that every argument is guarded: writing to a view, or reading a property that the
 * contract does not promise (above all a request's true output length), throws a `TypeError` that says so.
 */
export function withGuardedViews(policy: Policy): Policy {
  return new Proxy(policy, {
    get(target, key) {
      const ask: unknown = Reflect.get(target, key, target);
      if (typeof ask !== 'function') return ask;
      return (...args: readonly unknown[]): unknown => Reflect.apply(ask, target, args.map(guard));
    },
  });
}

const groupRules: Rules = { name: 'a group', keys: groupKeys };
const instanceRules: Rules = { name: 'an instance', keys: instanceKeys };
const listRules: Rules = { name: 'a list of a view', keys: listKeys };
const heldRules: Rules = { name: 'the held requests', keys: heldKeys };
const clusterRules: Rules = { name: 'the cluster', keys: clusterKeys };

function rulesOf(value: object): Rules | undefined {
  if (isOneOf(value, [Request, RequestReport])) return requestRules;
  if (isOneOf(value, [InstanceGroup, ReportedGroup])) return groupRules;
  if (isOneOf(value, [Instance, ReportedInstance])) return instanceRules;
  if (isOneOf(value, [Array, Deque, ReportedList])) return listRules;
  if (value instanceof HeldQueue) return heldRules;
  if (value instanceof ClusterWindow) return clusterRules;
  return undefined;
}

function isOneOf(value: object, classes: readonly (abstract new (...args: never) => object)[]): boolean {
  return classes.some((each) => value instanceof each);
}
