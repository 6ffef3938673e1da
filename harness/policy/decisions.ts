/**
 * What a policy can ask the core to do, as plain data. Every decision says why in `reason`. The core validates each
 * one, applies it whole or not at all, and logs it either way.
 */
export type Decision =
  | DispatchDecision
  | PreemptDecision
  | WaitDecision
  | SwapInDecision
  | SetLimitsDecision
  | DropDecision
  | RestoreDecision
  | CancelRestoreDecision
  | MigrateDecision
  | ScaleUpDecision
  | DrainDecision
  | CancelDrainDecision
  | SetRoleDecision;

export type DispatchDecision =
  | { readonly kind: 'dispatch'; readonly groupId: number; readonly reason: string }
  | HoldDecision
  | { readonly kind: 'reject'; readonly reason: string };

/** Keeps the request at the cluster; it is asked about again when something has changed. */
export interface HoldDecision {
  readonly kind: 'hold';
  /** `class`: nothing of its class can be placed now, so that the others of the class need not be asked about either. `request` where not given. */
  readonly scope?: 'request' | 'class';
  readonly reason: string;
}

/**
 * Gives up a running request: `recompute` frees its KV now and puts it at the front of the queue; `swap` copies its KV
 * to host memory over the host link and frees the cells when the copy is complete.
 */
export interface PreemptDecision {
  readonly kind: 'preempt';
  readonly requestId: number;
  readonly mode: 'recompute' | 'swap';
  readonly reason: string;
}

/**
 * Answers memory pressure without giving anything up: memory is already on its way, so the request in need waits for the
 * next step and no other policy is asked. Not logged, since it may be said at every step.
 */
export interface WaitDecision {
  readonly kind: 'wait';
  readonly reason: string;
}

/** Takes device blocks for a swapped request and copies its KV back; it runs again when the copy is complete. */
export interface SwapInDecision {
  readonly kind: 'swapIn';
  readonly requestId: number;
  readonly reason: string;
}

/** Changes a group's limits until they are set again. */
export interface SetLimitsDecision {
  readonly kind: 'setLimits';
  readonly groupId: number;
  readonly limits: Partial<Limits>;
  readonly reason: string;
}

/**
 * Drops replicated parameters: the groups become one, each layer stays on one member only, and what the other copies
 * took becomes KV cells. Happens once the steps of all of them have come back. Each member keeps a contiguous part of the
 * layers that it holds, as even as that allows.
 */
export interface DropDecision {
  readonly kind: 'drop';
  /** Two groups or more, none of them merging, restoring, retiring or loading. */
  readonly groupIds: readonly number[];
  /** What becomes of the requests that run. */
  readonly transition: KvTransition;
  readonly reason: string;
}

/**
 * How running requests go on after their layers have gone to other members: `exchange` stalls each until its KV has
 * followed; `remote-attention` runs them at once, with attention where their KV is (queries, new K and V travel there and
 * the results back, in every layer; the instance there computes it between its own kernels), and lets their KV stay.
 */
export type KvTransition =
  | {
      readonly kind: 'exchange';
      /** Requests whose KV is on its way at the same time. */
      readonly maxRequests: number;
      /**
       * Coordinated: KV travels in chunks of about one stage time, and activations go first at the end of each.
       * Otherwise transfers go whole and in order of request, whatever they are.
       */
      readonly isCoordinated: boolean;
    }
  | { readonly kind: 'remote-attention' };

/**
 * Puts the parameters back: every member of the group loads the layers that it lacks, from peers where one holds them,
 * else from host memory, else from disk, while the group goes on serving; then each is a group of its own again.
 * Refused while the KV in use does not fit the memory that is left.
 */
export interface RestoreDecision {
  readonly kind: 'restore';
  readonly groupId: number;
  /** `finish`: running requests end in the pipeline that they run in; `move-back`: their KV moves to one of its members, a few requests at a time. */
  readonly running: 'finish' | 'move-back';
  readonly reason: string;
}

/** Stops a restore while the group is `restoring`: the memory is KV cells again. */
export interface CancelRestoreDecision {
  readonly kind: 'cancelRestore';
  readonly groupId: number;
  readonly reason: string;
}

/**
 * Moves a request to another group that takes requests. A running one takes its KV along, as `protocol` says; one whose KV is
 * in host memory comes back from there, over the network, when it is swapped in; one without KV just changes queues.
 */
export interface MigrateDecision {
  readonly kind: 'migrate';
  readonly requestId: number;
  /** Where to. */
  readonly groupId: number;
  /** How the KV of a running request travels; `defaultMigration` where not given. */
  readonly protocol?: MigrationProtocol;
  readonly reason: string;
}

/**
 * `live` (Llumnix, section 4.2): full blocks are copied while the request decodes, then those that it has filled meanwhile, and
 * so on; it stops for the last stage only. Refused where the target has no room for the blocks that the request has now. The target's blocks are taken before each stage; where they cannot be, or the
 * request ends or is given up, the migration is aborted and the request goes on at its source. Refused during its prefill.
 * `blocking` stops it for the whole copy; `recompute` gives its KV up and computes it again at the target.
 */
export type MigrationProtocol =
  | {
      readonly kind: 'live';
      /** Stages at most, the last included. */
      readonly maxStages: number;
      /** No more blocks than these are left: the stage is the last. */
      readonly lastStageBlocks: number;
    }
  | { readonly kind: 'blocking' }
  | { readonly kind: 'recompute' };

/** Three stages, the last of up to four blocks: the public code of Llumnix in the year of its paper. */
export const defaultMigration: MigrationProtocol = { kind: 'live', maxStages: 3, lastStageBlocks: 4 };

/**
 * Asks for instances, which serve once they have been provisioned, have loaded the weights and have warmed up (`Hardware.start`),
 * and cost from now on. Refused beyond the cluster's `maxInstances`.
 */
export interface ScaleUpDecision {
  readonly kind: 'scaleUp';
  readonly numInstances: number;
  /** Of the new instances; `mixed` where not given. */
  readonly role?: string;
  readonly reason: string;
}

/**
 * Releases the instances of a group once its requests have ended or migrated away: no dispatch and no migration to it any
 * more; those that have no KV yet are placed anew. A request whose KV is there may yet come back, when another instance fails. A group that is
 * still loading is released at once.
 */
export interface DrainDecision {
  readonly kind: 'drain';
  readonly groupId: number;
  readonly reason: string;
}

/** The group takes requests again. */
export interface CancelDrainDecision {
  readonly kind: 'cancelDrain';
  readonly groupId: number;
  readonly reason: string;
}

/** Gives the instances of a group another role: a label that means what the policies make of it. */
export interface SetRoleDecision {
  readonly kind: 'setRole';
  readonly groupId: number;
  /** Letters, digits and dashes. */
  readonly role: string;
  readonly reason: string;
}

/** What bounds one step of a group. */
export interface Limits {
  /** Requests in the running set. */
  readonly maxRunning: number;
  /** Tokens of one step, prefill and decode together. */
  readonly maxBatchTokens: number;
  /** Share of the KV blocks that admission leaves free. */
  readonly watermarkRatio: number;
  /** Whether waiting requests may be admitted at all. */
  readonly admits: boolean;
  /** Whether a prompt's next chunk may enter a pipeline before its last one has left it; the engine's own rule where not given. */
  readonly overlapsChunks?: boolean;
}
