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

/** All keys that a view promises; the compiler keeps these lists complete. */
const requestKeys: Readonly<Record<keyof RequestView, true>> = {
  id: true,
  sessionId: true,
  parentId: true,
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

const statusRules: Rules = { name: 'a status', keys: statusKeys };

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

const heldKeys = allowed('length at find filter some ofClass');

/** Array members that only read. Sorting or reversing in place would reorder the core's own queues. */
const listKeys = allowed(
  'length at concat entries every filter find findIndex findLast findLastIndex flatMap flat forEach includes indexOf join keys lastIndexOf map reduce reduceRight slice some toReversed toSorted toSpliced values with',
);

function allowed(names: string): Readonly<Record<string, true>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, true]));
}

/**
 * Wraps a policy so that every argument is guarded: writing to a view, or reading a property that the
 * contract does not promise (above all a request's true output length), throws a `TypeError` that says so.
 */
export function withGuardedViews(policy: Policy): Policy {
  return new Proxy(policy, {
    get(target, key) {
      const ask: unknown = Reflect.get(target, key, target);
      if (typeof ask !== 'function') return ask;
      return (...args: readonly unknown[]): unknown =>
        Reflect.apply(
          ask,
          target,
          args.map((arg) => guard(arg)),
        );
    },
  });
}

/**
 * The guard of each object. There is one per object, and a guard maps to itself, so that a policy can compare
 * views by identity.
 */
const guards = new WeakMap<object, object>();
/**
 * The object behind each guard, for methods of the core's lists that are given a guarded object (`includes`,
 * `indexOf`).
 */
const originals = new WeakMap<object, object>();

function guard(value: unknown, rules?: Rules): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = guards.get(value);
  if (known !== undefined) return known;
  const proxy = createGuard(value, rules ?? rulesOf(value));
  guards.set(value, proxy);
  guards.set(proxy, proxy);
  originals.set(proxy, value);
  return proxy;
}

/** The keys that the contract promises for a view, and what the view is called in an error. */
interface Rules {
  readonly name: string;
  readonly keys: Readonly<Record<string, true>>;
}

function createGuard(value: object, rules: Rules | undefined): object {
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
      if (typeof inner !== 'function')
        return guard(inner, rules?.keys === requestKeys ? statusRules : undefined);
      return (...args: readonly unknown[]): unknown => {
        const passed = args.map(toOriginal);
        const result: unknown = Reflect.apply(inner, target, passed);
        // A new list belongs to the policy and may become part of its answer; only its elements are guarded.
        return Array.isArray(result) ? result.map((each: unknown) => guard(each)) : guard(result);
      };
    },
    set: refuseWrite,
    defineProperty: refuseWrite,
    deleteProperty: refuseWrite,
  });
}

/**
 * Prepares an argument for a method of the core's own lists: unwraps guarded objects and guards what
 * callbacks receive.
 */
function toOriginal(arg: unknown): unknown {
  if (isCallback(arg)) return guardCallback(arg);
  return typeof arg === 'object' && arg !== null ? (originals.get(arg) ?? arg) : arg;
}

type Callback = (...args: readonly unknown[]) => unknown;

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function';
}

/** Guards the arguments that a list passes to a callback (`filter`, `map`, `sort`). */
function guardCallback(callback: Callback): Callback {
  return (...args) =>
    Reflect.apply(
      callback,
      undefined,
      args.map((arg) => guard(arg)),
    );
}

function isIndex(key: string): boolean {
  return /^\d+$/.test(key);
}

function refuseWrite(_target: object, key: string | symbol): never {
  throw new TypeError(`a view is read-only: "${String(key)}" cannot be changed; return a decision instead`);
}

function rulesOf(value: object): Rules | undefined {
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
