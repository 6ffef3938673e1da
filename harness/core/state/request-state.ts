import type { GroupId, InstanceId } from '../../domain/ids.ts';
import type { MigrationProtocol } from '../../policy/decisions.ts';
import type { RequestStatus } from '../../policy/views.ts';
import type { Transfer } from './fabric.ts';
import type { KvLayout, LayoutMove } from './kv-layout.ts';

/** KV on its way to another layout. Its cells at the targets are taken, and the source keeps its copy until the end. */
export interface KvMove {
  readonly layout: KvLayout;
  /** Layers that change instance; those that stay are not listed. */
  readonly moves: readonly LayoutMove[];
  /** Blocks taken at the targets: all of the request's, or those that a live migration has got to. */
  numBlocks: number;
  readonly transfers: Transfer[];
}

/** A migration under way; see `kv/migrate.ts`. */
export interface Migration {
  readonly kvMove: KvMove;
  fromGroupId: GroupId;
  readonly toGroupId: GroupId;
  /** The instances that run the groups' first stages. */
  readonly fromInstanceId: InstanceId;
  readonly toInstanceId: InstanceId;
  readonly protocol: MigrationProtocol;
  readonly startedAtUs: number;
  numStages: number;
  bytes: number;
  /** The request takes part in no further step: it is stopped once it is in none. */
  isStopping: boolean;
  stoppedAtUs: number | undefined;
}

/** A request that takes part in steps, and perhaps has its KV copied to another group meanwhile. */
export interface RunningState {
  readonly kind: 'prefilling' | 'decoding';
  readonly migration: Migration | undefined;
}

/** A request whose KV has a copy in host memory, beside the instances of `hostLayout`. */
export type SwapState =
  | { readonly kind: 'swapped'; readonly hostLayout: KvLayout }
  | {
      readonly kind: 'swapping-out' | 'swapping-in';
      readonly hostLayout: KvLayout;
      readonly transfers: Transfer[];
    };

/** A request that is in no step, since `stalledAtUs`, until its KV is where its group's layers are. */
export type StalledState =
  | {
      readonly kind: 'exchanging';
      readonly stalledAtUs: number;
      /** `undefined` while it waits for its turn. */
      readonly kvMove: KvMove | undefined;
    }
  | { readonly kind: 'migrating'; readonly stalledAtUs: number; readonly migration: Migration };

export type EndState = Extract<RequestStatus, { kind: 'finished' | 'failed' | 'rejected' | 'aborted' }>;

/**
 * What a request is doing, with what it has only while it does that. A request under live migration stays `prefilling` or
 * `decoding` with `migration` set; `migrating` is the stop before the last stage. `exchanging` includes waiting for its turn.
 * A stopped migration that is aborted becomes `exchanging`. Of all this policies see the `RequestStatus` alone.
 */
export type RequestState =
  | { readonly kind: 'held' | 'queued' | 'preempted' }
  | RunningState
  | SwapState
  | StalledState
  | EndState;

/** The states that are alike for all requests, shared so that entering one allocates nothing. */
export const sharedState = {
  held: { kind: 'held' },
  queued: { kind: 'queued' },
  preempted: { kind: 'preempted' },
  prefilling: { kind: 'prefilling', migration: undefined },
  decoding: { kind: 'decoding', migration: undefined },
} as const satisfies Record<string, RequestState>;

const statusOfKind = {
  held: { kind: 'held' },
  queued: { kind: 'queued' },
  preempted: { kind: 'preempted' },
  prefilling: { kind: 'prefilling' },
  decoding: { kind: 'decoding' },
  'swapping-out': { kind: 'swapping-out' },
  swapped: { kind: 'swapped' },
  'swapping-in': { kind: 'swapping-in' },
  exchanging: { kind: 'exchanging' },
  migrating: { kind: 'migrating' },
} as const satisfies Readonly<Record<Exclude<RequestState, EndState>['kind'], RequestStatus>>;

/** What policies see of a state: one object for each kind, without what only the core may know and change. */
export function statusOf(state: RequestState): RequestStatus {
  return isEnd(state) ? state : statusOfKind[state.kind];
}

function isEnd(state: RequestState): state is EndState {
  return queueOf[state.kind] === undefined;
}

/** The queues of a group. */
export const queueNames = ['waiting', 'running', 'swapped', 'stalled'] as const;
export type QueueName = (typeof queueNames)[number];

/** In which queue a request stands, by its state: one of its group's, or the cluster's; in none once it has ended. */
export const queueOf = {
  held: 'held',
  queued: 'waiting',
  preempted: 'waiting',
  prefilling: 'running',
  decoding: 'running',
  'swapping-out': 'swapped',
  swapped: 'swapped',
  'swapping-in': 'swapped',
  exchanging: 'stalled',
  migrating: 'stalled',
  finished: undefined,
  failed: undefined,
  rejected: undefined,
  aborted: undefined,
} as const satisfies Record<RequestState['kind'], QueueName | 'held' | undefined>;

export function isRunning(state: RequestState): state is RunningState {
  return state.kind === 'prefilling' || state.kind === 'decoding';
}

export function isSwap(state: RequestState): state is SwapState {
  return queueOf[state.kind] === 'swapped';
}

export function isStalled(state: RequestState): state is StalledState {
  return state.kind === 'exchanging' || state.kind === 'migrating';
}
