import type { MigrationProtocol } from '../../policy/decisions.ts';
import type { RequestStatus, RequestView } from '../../policy/views.ts';
import type { KvLayout, LayoutMove } from './kv-layout.ts';
import type { Transfer } from './fabric.ts';
import type { EndStatus, RequestRecord } from '../observer.ts';
import type { RequestClass, RequestSpec } from '../../domain/workload.ts';

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
  exchanging: { kind: 'exchanging' },
  migrating: { kind: 'migrating' },
  finished: { kind: 'finished' },
  aborted: { kind: 'aborted' },
} as const satisfies Record<string, RequestStatus>;

/** KV on its way to another layout; its cells at the targets are taken, and the source keeps its copy until the end. */
export interface KvArrival {
  readonly layout: KvLayout;
  /** What really travels. */
  readonly moves: readonly LayoutMove[];
  /** Taken at the targets: all of the request's, or those that a live migration has got to. */
  numBlocks: number;
  readonly transfers: Transfer[];
  /** There if a policy moves the request to another group. */
  readonly migration: Migration | undefined;
}

/** A migration under way; see `kv/migrate.ts`. */
export interface Migration {
  fromGroup: number;
  readonly toGroup: number;
  /** First members of the groups. */
  readonly fromInstance: number;
  readonly toInstance: number;
  readonly protocol: MigrationProtocol;
  readonly startedAtUs: number;
  numStages: number;
  bytes: number;
  /** The request takes part in no further step: it is stopped once it is in none. */
  isStopping: boolean;
  stoppedAtUs: number | undefined;
}

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
  /** Where its blocks are; there while it has any. */
  layout: KvLayout | undefined;
  arrival: KvArrival | undefined;
  /** Beside which instances its KV lies in host memory; there while it does. */
  hostLayout: KvLayout | undefined;
  readonly swapTransfers: Transfer[] = [];
  /** Blocks that `tokens` need, as counted in the group's demand. */
  demandBlocks = 0;
  numInFlight = 0;
  /** Kept at the cluster; see `HeldQueue`. */
  isHeld = false;

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
  /** Since when it has been stalled because its KV has to move. */
  stalledAtUs: number | undefined;
  /** The client has given it up while it was in flight. */
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

  get migratesTo(): number | undefined {
    return this.arrival?.migration?.toGroup;
  }

  /** Left out of further steps: it is stopped for its migration once the last one has come back. */
  get isStopping(): boolean {
    const migration = this.arrival?.migration;
    return migration?.isStopping === true && migration.stoppedAtUs === undefined;
  }

  /** Blocks for more tokens: where its others are, or else in `layout`. */
  takeBlocks(layout: KvLayout, numBlocks: number): void {
    this.layout ??= layout;
    this.layout.take(numBlocks);
    this.kvBlocks += numBlocks;
  }

  giveBackBlocks(): void {
    this.layout?.giveBack(this.kvBlocks);
    this.layout = undefined;
    this.kvBlocks = 0;
  }

  static specOf(request: Request): RequestSpec {
    return request.#spec;
  }

  static isComplete(request: Request): boolean {
    return request.generatedTokens === request.#spec.outputTokens;
  }
}

/** Status of a request that takes part in steps: all but its newest token may be computed, or not. */
export function runningStatus({ computedTokens, tokens }: Request): RequestStatus {
  return computedTokens < tokens - 1 ? requestStatus.prefilling : requestStatus.decoding;
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
    stalledUs: request.stalledUs + (request.stalledAtUs === undefined ? 0 : nowUs - request.stalledAtUs),
  };
}
