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

/** Everything that a view promises; the compiler keeps these lists whole. */
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

const groupKeys: Readonly<Record<keyof GroupView, true>> = {
  id: true,
  phase: true,
  role: true,
  stages: true,
  waiting: true,
  running: true,
  swapped: true,
  exchanging: true,
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
  hostMemoryBytes: true,
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

/** Of arrays only what reads; a sort or a reverse in place would reorder the core's own queues. */
const listKeys = allowed(
  'length at concat entries every filter find findIndex findLast findLastIndex flatMap flat forEach includes indexOf join keys lastIndexOf map reduce reduceRight slice some toReversed toSorted toSpliced values with',
);

function allowed(names: string): Readonly<Record<string, true>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, true]));
}

/**
 * The policy with every argument behind a wall: writing to a view, or reading what the contract does not promise (a
 * request's true output length above all), throws a `TypeError` that says so.
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

/** One wall per object, and a wall is its own, so that a policy may compare views by identity. */
const walls = new WeakMap<object, object>();
/** What is behind each wall, for lists that are asked for it (`includes`, `indexOf`). */
const insides = new WeakMap<object, object>();

function guard(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = walls.get(value);
  if (known !== undefined) return known;
  const wall = createWall(value);
  walls.set(value, wall);
  walls.set(wall, wall);
  insides.set(wall, value);
  return wall;
}

function createWall(value: object): object {
  const rules = keysOf(value);
  return new Proxy(value, {
    get(target, key) {
      if (
        rules !== undefined &&
        typeof key === 'string' &&
        !isIndex(key) &&
        !Object.hasOwn(rules.keys, key)
      ) {
        throw new TypeError(`${rules.name} has no "${key}": the contract does not promise it`);
      }
      const inner: unknown = Reflect.get(target, key, target);
      if (typeof inner !== 'function') return guard(inner);
      return (...args: readonly unknown[]): unknown => {
        const handed = args.map(handOver);
        const result: unknown = Reflect.apply(inner, target, handed);
        // A new list is the policy's own, and may become part of its answer; what stands in it is not.
        return Array.isArray(result) ? result.map(guard) : guard(result);
      };
    },
    set: refuseWrite,
    defineProperty: refuseWrite,
    deleteProperty: refuseWrite,
  });
}

/** An argument as a method of the core's own lists may have it. */
function handOver(arg: unknown): unknown {
  if (isCallback(arg)) return guardCallback(arg);
  return typeof arg === 'object' && arg !== null ? (insides.get(arg) ?? arg) : arg;
}

type Callback = (...args: readonly unknown[]) => unknown;

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function';
}

/** What a list hands to a callback (`filter`, `map`, `sort`) is behind the wall as well. */
function guardCallback(callback: Callback): Callback {
  return (...args) => Reflect.apply(callback, undefined, args.map(guard));
}

function isIndex(key: string): boolean {
  return /^\d+$/.test(key);
}

function refuseWrite(_target: object, key: string | symbol): never {
  throw new TypeError(`a view is read-only: "${String(key)}" cannot be changed; return a decision instead`);
}

function keysOf(value: object): { name: string; keys: Readonly<Record<string, true>> } | undefined {
  if (isOneOf(value, [Request, RequestReport])) return { name: 'a request', keys: requestKeys };
  if (isOneOf(value, [InstanceGroup, ReportedGroup])) return { name: 'a group', keys: groupKeys };
  if (isOneOf(value, [Instance, ReportedInstance])) return { name: 'an instance', keys: instanceKeys };
  if (isOneOf(value, [Array, Deque, ReportedList])) return { name: 'a list of a view', keys: listKeys };
  if (value instanceof HeldQueue) return { name: 'the held requests', keys: heldKeys };
  if (value instanceof ClusterWindow) return { name: 'the cluster', keys: clusterKeys };
  return undefined;
}

function isOneOf(value: object, classes: readonly (abstract new (...args: never) => object)[]): boolean {
  return classes.some((each) => value instanceof each);
}
