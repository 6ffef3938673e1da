/**
 * What a policy can ask the core to do, as plain data. Every decision says why in `reason`. The core validates each
 * one, applies it whole or not at all, and logs it either way.
 */
export type Decision = DispatchDecision | PreemptDecision | WaitDecision | SwapInDecision | SetLimitsDecision;

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
