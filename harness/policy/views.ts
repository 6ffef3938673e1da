import type { Hardware } from '../domain/hardware.ts';
import type { GroupId, InstanceId, RequestId } from '../domain/ids.ts';
import type { Limits } from './decisions.ts';

/** Read-only windows on the core's state. They hold ids and numbers, and never a request's true output length. */
export interface RequestView {
  readonly id: RequestId;
  /** The first request of the conversation that it is a turn of: its own id for the first turn, and for one that stands alone. */
  readonly sessionId: RequestId;
  /** The turn before, whose prompt and answer its prompt begins with; it has ended. `undefined` for a first turn. */
  readonly parentId: RequestId | undefined;
  readonly className: string;
  readonly priority: number;
  readonly arrivedAtUs: number;
  readonly status: RequestStatus;
  readonly promptTokens: number;
  /** The most that the client asked for; the real length is known only when the request ends. */
  readonly outputLimitTokens: number;
  readonly generatedTokens: number;
  /** Prompt and generated tokens: what has to be in KV before the next token. */
  readonly tokens: number;
  /** Tokens whose KV exists. */
  readonly computedTokens: number;
  /** `computedTokens` once the micro-batches under way have come back. */
  readonly scheduledTokens: number;
  /** KV blocks held on the device. */
  readonly kvBlocks: number;
  readonly numPreemptions: number;
  /**
   * In a micro-batch under way. Under memory pressure it cannot be given up; at other moments a decision to do so is
   * kept until it comes back.
   */
  readonly isInFlight: boolean;
  /** The group that its KV is being copied to while it runs; see the decision `migrate`. */
  readonly migratesTo: GroupId | undefined;
}

export type RequestStatus =
  | { readonly kind: 'held' }
  | { readonly kind: 'queued' }
  | { readonly kind: 'prefilling' }
  | { readonly kind: 'decoding' }
  /** KV given up; waits at the front of the queue to be computed again. */
  | { readonly kind: 'preempted' }
  | { readonly kind: 'swapping-out' }
  | { readonly kind: 'swapped' }
  | { readonly kind: 'swapping-in' }
  /** Stopped for the last stage of a migration; counts as one of the target's requests already. */
  | { readonly kind: 'migrating' }
  /** Stalled: its KV has to follow the layers that its group moved to other members. */
  | { readonly kind: 'exchanging' }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'aborted' };

/** A read-only list that can be walked, indexed and searched without being copied; `[...list]` makes an array of it. */
export interface ViewList<T> extends Iterable<T> {
  readonly length: number;
  /** The item at `index`, a negative one counted from the end (-1 is the last); `undefined` where there is none. */
  at(index: number): T | undefined;
  /** The first item for which the test returns true. */
  find(test: (item: T) => boolean): T | undefined;
  /** A new array of all items for which the test returns true. */
  filter(test: (item: T) => boolean): T[];
  some(test: (item: T) => boolean): boolean;
}

export type InstanceState =
  | 'provisioning'
  | 'loading'
  | 'warming-up'
  | 'ready'
  | 'draining'
  | 'stopped'
  | 'failed';

export interface InstanceView {
  readonly id: InstanceId;
  readonly state: InstanceState;
  /** `mixed` unless a policy has given it another. */
  readonly role: string;
  /** Since when it is paid for, in microseconds of virtual time. */
  readonly requestedAtUs: number;
  readonly weightBytes: number;
  readonly totalCells: number;
  readonly usedCells: number;
  readonly hostKvBytes: number;
  readonly hardware: Hardware;
}

export interface StageView {
  readonly instance: InstanceView;
  readonly firstLayer: number;
  readonly numLayers: number;
}

/**
 * What a group is doing besides serving. `merging`: waits for its last step, then becomes part of a larger group;
 * `restoring`: its members load the layers that they lack; `retiring`: split already, serves its last requests;
 * `loading`: does not serve yet; `draining`: serves its last requests and is released.
 */
export type GroupPhase = 'serving' | 'merging' | 'restoring' | 'retiring' | 'loading' | 'draining';

/** Counts of a group since it began, for policies that compare what they see with what they saw before. */
export interface GroupCounters {
  readonly numSteps: number;
  /** Steps that left requests waiting because `limits.maxRunning` ran already. */
  readonly numCappedSteps: number;
  readonly generatedTokens: number;
  /** Tokens after a request's first, and the time between each and the one before. */
  readonly numTokenGaps: number;
  readonly tokenGapSumUs: number;
}

export interface GroupView {
  readonly id: GroupId;
  readonly phase: GroupPhase;
  /** Role of its members. */
  readonly role: string;
  /** Its members in order of their layers, which together are the whole model; one for an ordinary instance. */
  readonly stages: readonly StageView[];
  /** Queued and preempted requests, in the order in which they will be admitted. */
  readonly waiting: ViewList<RequestView>;
  /** Requests that hold device KV and take part in steps, in order of admission. */
  readonly running: ViewList<RequestView>;
  /** Requests whose KV is in host memory or on its way there or back. */
  readonly swapped: ViewList<RequestView>;
  /** Requests that are in no step until their KV is where the layers are: it follows them, or comes with the last stage of a migration. */
  readonly stalled: ViewList<RequestView>;
  readonly limits: Limits;
  /** KV blocks that the group can hold: the minimum over its members. */
  readonly totalBlocks: number;
  readonly freeBlocks: number;
  /** Blocks that swap-outs under way will free. */
  readonly pendingFreeBlocks: number;
  /** Blocks that all waiting requests need for the tokens that they have now. */
  readonly waitingBlocks: number;
  /** Blocks that all requests of the group need for the tokens that they have now, in whichever list they are. */
  readonly demandBlocks: number;
  /** Whether new requests may be sent here. */
  readonly acceptsRequests: boolean;
  /** Duration of the last step in microseconds, 0 before the first. */
  readonly lastStepUs: number;
  /** Migrations under way, from here and to here. */
  readonly numMigratingOut: number;
  readonly numMigratingIn: number;
  readonly counters: GroupCounters;
  /**
   * When the numbers and lists above were true: now, unless the configuration has the load reported (`cluster.loadReports`).
   * Requests sent up to and including that microsecond are in them.
   * Phase, role, stages, limits, total blocks and migrations under way are what policies have decided themselves, and always as they are.
   */
  readonly observedAtUs: number;
}

export interface ClusterView {
  readonly nowUs: number;
  /** The oldest of the groups' own, `nowUs` where none is older. */
  readonly observedAtUs: number;
  readonly blockSizeTokens: number;
  readonly groups: readonly GroupView[];
  /** Every instance that there has been, by id; see `state`. */
  readonly instances: readonly InstanceView[];
  /** Instances that are paid for: from asking for one until it is released or fails. */
  readonly numInstances: number;
  /** The most instances that there may be at any time. */
  readonly maxInstances: number;
  /** Requests that `hold` has kept at the cluster, by class: those of the highest priority first, the oldest first in each. */
  readonly held: HeldView;
  /**
   * A group as its own engine sees it, now, whatever it has reported: for choices that are made on the instance itself, such as
   * which of its requests migrates, and never for comparing groups.
   */
  local(groupId: GroupId): GroupView | undefined;
  /** A live request; one that a group has, as the group has reported it, if it has. */
  request(id: RequestId): RequestView | undefined;
}

/** Requests that are kept at the cluster. */
export interface HeldView extends ViewList<RequestView> {
  /** The held requests of one class, the oldest first. */
  ofClass(className: string): ViewList<RequestView>;
}

/** What a request needs that the group does not have. */
export interface MemoryNeed {
  readonly requestId: RequestId;
  /** How many blocks are missing. */
  readonly blocks: number;
}

export type PolicyEvent =
  /** Before the request is dispatched: what demand is measured by. */
  | { readonly kind: 'requestArrived'; readonly requestId: RequestId }
  | {
      readonly kind: 'requestEnded';
      readonly requestId: RequestId;
      readonly groupId: GroupId | undefined;
      readonly className: string;
      readonly isFinished: boolean;
      readonly promptTokens: number;
      readonly generatedTokens: number;
      /** Time from arrival to the first token in microseconds; `undefined` without a token. */
      readonly ttftUs: number | undefined;
    }
  | { readonly kind: 'swapOutDone'; readonly requestId: RequestId; readonly groupId: GroupId }
  | { readonly kind: 'swapInDone'; readonly requestId: RequestId; readonly groupId: GroupId }
  | { readonly kind: 'instanceReady'; readonly instanceId: InstanceId; readonly groupId: GroupId }
  | { readonly kind: 'instanceFailed'; readonly instanceId: InstanceId }
  /** A drain is done: the instance is released. */
  | { readonly kind: 'instanceStopped'; readonly instanceId: InstanceId }
  /** The start of an instance has failed and will be tried again. */
  | { readonly kind: 'startFailed'; readonly instanceId: InstanceId; readonly retryAtUs: number }
  | {
      readonly kind: 'migrationDone';
      readonly requestId: RequestId;
      readonly from: GroupId;
      readonly to: GroupId;
    }
  /** The request goes on where it is: at its source, or, if it was stopped already, wherever the change that stopped it has left it. */
  | {
      readonly kind: 'migrationAborted';
      readonly requestId: RequestId;
      readonly from: GroupId;
      readonly to: GroupId;
      readonly reason: string;
    }
  /** A drop is done: `from` are gone, `groupId` serves in their place. */
  | { readonly kind: 'groupsMerged'; readonly groupId: GroupId; readonly from: readonly GroupId[] }
  /** A restore is done: `into` serve; `groupId` retires. */
  | { readonly kind: 'groupSplit'; readonly groupId: GroupId; readonly into: readonly GroupId[] };
