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
  | CancelRestoreDecision;

export type DispatchDecision =
  | { readonly kind: 'dispatch'; readonly groupId: number; readonly reason: string }
  | { readonly kind: 'hold'; readonly reason: string }
  | { readonly kind: 'reject'; readonly reason: string };

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
 * the results back, in every layer), and lets their KV stay.
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
}
