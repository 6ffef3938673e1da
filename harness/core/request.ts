import type { RequestStatus, RequestView } from '../policy/views.ts';
import type { EndStatus, RequestRecord } from './observer.ts';
import type { RequestClass, RequestSpec } from './workload.ts';

/** The statuses that carry no data, shared so that changing one allocates nothing. */
export const requestStatus = {
  held: { kind: 'held' },
  queued: { kind: 'queued' },
  prefilling: { kind: 'prefilling' },
  decoding: { kind: 'decoding' },
  preempted: { kind: 'preempted' },
  swappingOut: { kind: 'swapping-out' },
  swapped: { kind: 'swapped' },
  swappingIn: { kind: 'swapping-in' },
  finished: { kind: 'finished' },
  aborted: { kind: 'aborted' },
} as const satisfies Record<string, RequestStatus>;

/**
 * A live request. Policies hold it as a `RequestView`; only the core changes it. What a policy must not know, the true
 * output length, is private and reached through static methods that only the core calls.
 */
export class Request implements RequestView {
  readonly id: number;
  readonly className: string;
  readonly priority: number;
  readonly arrivedAtUs: number;
  readonly promptTokens: number;
  readonly outputLimitTokens: number;
  readonly #spec: RequestSpec;

  status: RequestStatus = requestStatus.held;
  generatedTokens = 0;
  tokens: number;
  computedTokens = 0;
  /** `computedTokens` once the micro-batches under way have come back. */
  scheduledTokens = 0;
  kvBlocks = 0;
  /** Blocks that `tokens` need, as counted in the group's demand. */
  demandBlocks = 0;
  numInFlight = 0;

  groupId: number | undefined;
  firstScheduledAtUs: number | undefined;
  firstTokenAtUs: number | undefined;
  lastTokenAtUs = 0;
  maxTokenGapUs = 0;
  numPreemptions = 0;
  numSwaps = 0;
  numMigrations = 0;
  preemptedUs = 0;
  stalledUs = 0;
  /** Since when it has been preempted and not been scheduled again. */
  preemptedAtUs: number | undefined;
  /** The client has given it up while it was in flight or on the move. */
  isAbortWanted = false;

  constructor(spec: RequestSpec, requestClass: RequestClass, arrivedAtUs: number) {
    this.#spec = spec;
    this.id = spec.id;
    this.className = spec.className;
    this.priority = requestClass.priority;
    this.arrivedAtUs = arrivedAtUs;
    this.promptTokens = spec.promptTokens;
    this.outputLimitTokens = spec.outputLimitTokens;
    this.tokens = spec.promptTokens;
  }

  get isInFlight(): boolean {
    return this.numInFlight > 0;
  }

  static specOf(request: Request): RequestSpec {
    return request.#spec;
  }

  static isComplete(request: Request): boolean {
    return request.generatedTokens === request.#spec.outputTokens;
  }
}

/** What is told about a request when it leaves the cluster; `endedAtUs` stays open for an unfinished one. */
export function recordOf(request: Request, status: EndStatus, nowUs: number, reason?: string): RequestRecord {
  return {
    id: request.id,
    className: request.className,
    status,
    endReason: reason,
    arrivedAtUs: request.arrivedAtUs,
    firstScheduledAtUs: request.firstScheduledAtUs,
    firstTokenAtUs: request.firstTokenAtUs,
    endedAtUs: status === 'unfinished' ? undefined : nowUs,
    promptTokens: request.promptTokens,
    outputTokens: Request.specOf(request).outputTokens,
    generatedTokens: request.generatedTokens,
    maxTokenGapUs: request.maxTokenGapUs,
    groupId: request.groupId,
    numPreemptions: request.numPreemptions,
    numSwaps: request.numSwaps,
    numMigrations: request.numMigrations,
    preemptedUs:
      request.preemptedUs + (request.preemptedAtUs === undefined ? 0 : nowUs - request.preemptedAtUs),
    stalledUs: request.stalledUs,
  };
}
