import type { RequestId } from './ids.ts';

/**
 * What the cluster is asked to do: a fixed plan of requests, the same for every policy. A request arrives either at a
 * given time or a delay after another one ended (follow-up turns, closed loops).
 */
export interface RequestSpec {
  /** Dense from 0 in order of planning; pairs the same request between policies. */
  readonly id: RequestId;
  readonly className: string;
  readonly promptTokens: number;
  /** True answer length: the request ends after so many tokens. Never shown to policies. */
  readonly outputTokens: number;
  /** The most that the client asked for; policies may plan with it. */
  readonly outputLimitTokens: number;
  readonly arrival: Arrival;
  /**
   * The prompt starts with the whole prompt and answer of this earlier request (a follow-up turn); its length is
   * counted in `promptTokens`.
   */
  readonly continues?: RequestId;
  /** The first request of the conversation that it is a turn of; itself where not given. */
  readonly sessionId?: RequestId;
  /** Requests with the same key have the same prompt text (parallel branches of one question). */
  readonly promptKey?: number;
  /** The parallel branches that this request is one of. */
  readonly job?: Job;
}

/** When a request arrives: at a time of the run, or a delay after another request has ended. */
export type Arrival =
  | { readonly kind: 'at'; readonly timeUs: number }
  | { readonly kind: 'after'; readonly requestId: RequestId; readonly delayUs: number };

/** n of k: when `needed` of the `branches` have finished, the client cancels the others. */
export interface Job {
  readonly id: number;
  readonly branches: readonly RequestId[];
  readonly needed: number;
}

/** Service level of a class of requests, in microseconds; `undefined` means no target. */
export interface SloTarget {
  readonly ttftUs?: number;
  readonly tpotUs?: number;
}

export interface RequestClass {
  readonly name: string;
  /** Higher is served first where a policy looks at it. */
  readonly priority: number;
  readonly slo: SloTarget;
}

/** All requests of a run, fixed before it begins. */
export interface Workload {
  readonly numRequests: number;
  readonly classes: readonly RequestClass[];
  /** Requests with `arrival.kind === 'at'`, in non-decreasing time; a fresh iterator for every run. */
  arrivals(): Iterator<RequestSpec>;
  /** Requests that arrive a delay after request `id` has ended. */
  followers(id: RequestId): readonly RequestSpec[];
}
