import { assert } from '../../base/assert.ts';
import type { GroupId, RequestId } from '../../domain/ids.ts';
import type { RequestClass, RequestSpec } from '../../domain/workload.ts';
import type { RequestStatus, RequestView } from '../../policy/views.ts';
import type { Transfer } from './fabric.ts';
import type { KvLayout } from './kv-layout.ts';
import {
  type EndState,
  isRunning,
  isStalled,
  isSwap,
  type KvMove,
  type Migration,
  queueOf,
  type RequestState,
  sharedState,
  statusOf,
} from './request-state.ts';

export type QueueEnd = 'front' | 'back';

/** Where requests stand: a group, with a queue for each kind of state, or the queue of those that the cluster holds. */
export interface RequestQueueOwner {
  /** Id of the group, or `undefined` for the cluster. */
  readonly groupId: GroupId | undefined;
  /** Puts the request into the queue that its state says. */
  add(request: Request, end: QueueEnd): void;
  /** Takes the request out of the queue that its state says. */
  remove(request: Request): void;
}

/**
 * A live request, as a state machine: its state, the queue in which it stands and its clocks change together, in `#enter`
 * and nowhere else, through the verbs below. State only: memory, transfers and the executor are the business of `core/kv`. Policies hold it as a `RequestView`; only the core changes it. What a policy
 * must not know, the true output length, is private and reached through static methods that only the core calls.
 */
export class Request implements RequestView {
  readonly id: RequestId;
  readonly className: string;
  readonly priority: number;
  readonly arrivedAtUs: number;
  readonly promptTokens: number;
  readonly outputLimitTokens: number;
  readonly #spec: RequestSpec;
  /** As in `#spec`; here because every token is counted against it. */
  readonly #outputTokens: number;
  readonly #clock: { readonly nowUs: number };
  #state: RequestState = sharedState.held;
  /** What policies see of the state; kept, because they ask for it far more often than it changes. */
  #status: RequestStatus = statusOf(sharedState.held);
  /** `undefined` until it has been placed or held for the first time. One that has ended keeps the last. */
  #owner: RequestQueueOwner | undefined;

  generatedTokens = 0;
  tokens: number;
  computedTokens = 0;
  /** `computedTokens` once the micro-batches under way have come back. */
  scheduledTokens = 0;
  kvBlocks = 0;
  /** Where its blocks are; `undefined` while it has none. */
  layout: KvLayout | undefined;
  /** Blocks that `tokens` need, as counted in the group's demand. */
  demandBlocks = 0;
  numInFlight = 0;
  /** The client has given it up while it was in flight. */
  isAbortWanted = false;

  firstScheduledAtUs: number | undefined;
  firstTokenAtUs: number | undefined;
  lastTokenAtUs = 0;
  maxTokenGapUs = 0;
  /** Preemptions by a policy or a fault. A `recompute` migration counts as a migration only, though its wait is in `preemptedUs`. */
  numPreemptions = 0;
  numSwaps = 0;
  numMigrations = 0;
  preemptedUs = 0;
  stalledUs = 0;
  /** Since when it has been preempted and not been scheduled again, in whichever state it is meanwhile. */
  preemptedAtUs: number | undefined;

  constructor(spec: RequestSpec, requestClass: RequestClass, clock: { readonly nowUs: number }) {
    this.#spec = spec;
    this.#outputTokens = spec.outputTokens;
    this.#clock = clock;
    this.id = spec.id;
    this.className = spec.className;
    this.priority = requestClass.priority;
    this.arrivedAtUs = clock.nowUs;
    this.promptTokens = spec.promptTokens;
    this.outputLimitTokens = spec.outputLimitTokens;
    this.tokens = spec.promptTokens;
  }

  get state(): RequestState {
    return this.#state;
  }

  get status(): RequestStatus {
    return this.#status;
  }

  /** The group that it stands in, or stood in when it ended. */
  get groupId(): GroupId | undefined {
    return this.#owner?.groupId;
  }

  get sessionId(): RequestId {
    return this.#spec.sessionId ?? this.id;
  }

  get parentId(): RequestId | undefined {
    return this.#spec.continues;
  }

  get isInFlight(): boolean {
    return this.numInFlight > 0;
  }

  get migration(): Migration | undefined {
    const state = this.#state;
    return isRunning(state) || state.kind === 'migrating' ? state.migration : undefined;
  }

  get migratesTo(): GroupId | undefined {
    return this.migration?.toGroupId;
  }

  /** Left out of further steps: it is stopped for its migration once the last one has come back. */
  get isStopping(): boolean {
    return isRunning(this.#state) && this.#state.migration?.isStopping === true;
  }

  /** Its KV on the way to another layout, by an exchange or a migration; `undefined` where none is. */
  get kvMove(): KvMove | undefined {
    return this.#state.kind === 'exchanging' ? this.#state.kvMove : this.migration?.kvMove;
  }

  /** Beside which instances its KV lies in host memory; `undefined` while none does. */
  get hostLayout(): KvLayout | undefined {
    return isSwap(this.#state) ? this.#state.hostLayout : undefined;
  }

  /** It waits at the cluster, without KV, to be dispatched. */
  hold(held: RequestQueueOwner): void {
    const { kind } = this.#state;
    if (kind !== 'held' && kind !== 'queued') this.preemptedAtUs ??= this.#clock.nowUs;
    this.#enter(sharedState.held, held);
  }

  /** It waits in the group, in front of the others if it had begun before it was held. */
  enqueue(group: RequestQueueOwner): void {
    if (this.preemptedAtUs === undefined) this.#enter(sharedState.queued, group);
    else this.#enter(sharedState.preempted, group, 'front');
  }

  /** It waits, without KV, in front of the others; in its own group where no other is given. */
  preempt(group = this.#owner): void {
    this.preemptedAtUs ??= this.#clock.nowUs;
    this.#enter(sharedState.preempted, group, 'front');
  }

  /** It stands in another group, as it stood in the one before. */
  moveTo(group: RequestQueueOwner, end: QueueEnd = 'back'): void {
    this.#enter(this.#state, group, end);
  }

  /** It takes part in steps from now on. */
  admit(): void {
    this.#require(this.#state.kind === 'queued' || this.#state.kind === 'preempted');
    this.firstScheduledAtUs ??= this.#clock.nowUs;
    this.#enter(sharedState.prefilling);
  }

  /** All but its newest token is computed. */
  beginDecoding(): void {
    const state = this.#state;
    this.#require(isRunning(state));
    if (state.migration === undefined) this.#enter(sharedState.decoding);
    else this.#enter({ kind: 'decoding', migration: state.migration });
  }

  /** Its KV leaves for host memory; `transfers` are those that carry it. */
  beginSwapOut(hostLayout: KvLayout, transfers: Transfer[]): void {
    this.#require(isRunning(this.#state));
    this.preemptedAtUs ??= this.#clock.nowUs;
    this.numSwaps += 1;
    this.#enter({ kind: 'swapping-out', hostLayout, transfers });
  }

  /** All of its KV is in host memory. */
  endSwapOut(): void {
    this.#require(this.#state.kind === 'swapping-out');
    this.#enter({ kind: 'swapped', hostLayout: this.#state.hostLayout });
  }

  /** Its KV comes back from host memory. */
  beginSwapIn(transfers: Transfer[]): void {
    this.#require(this.#state.kind === 'swapped');
    this.#enter({ kind: 'swapping-in', hostLayout: this.#state.hostLayout, transfers });
  }

  /** It waits, in no step, until its KV is where the group's layers are. */
  stall(group: RequestQueueOwner): void {
    this.#enter({ kind: 'exchanging', stalledAtUs: this.#stalledAtUs, kvMove: undefined }, group);
    // From here on it waits for its KV to move, no longer for having been given up: the two times do not overlap.
    this.endPreemption();
  }

  /** It is its turn: what of its KV is elsewhere is on its way. */
  beginExchange(kvMove: KvMove): void {
    this.#require(this.#state.kind === 'exchanging');
    this.#enter({ ...this.#state, kvMove });
  }

  /** Its KV is copied to another group while it runs. */
  beginMigration(migration: Migration): void {
    this.#require(isRunning(this.#state));
    this.#enter({ kind: this.#state.kind, migration });
  }

  /** It is in no step until the rest of its KV has come to `target`, whose request it is from now on. */
  stopForMigration(target: RequestQueueOwner): void {
    const { migration } = this;
    this.#require(migration !== undefined);
    this.#enter({ kind: 'migrating', stalledAtUs: this.#stalledAtUs, migration }, target);
    this.endPreemption();
  }

  /** Nothing of its KV is on its way any more: it runs on without migration, or waits for its turn to be exchanged. */
  leaveKvMove(): void {
    const state = this.#state;
    if (isRunning(state)) this.#enter(sharedState[state.kind]);
    else if (isStalled(state))
      this.#enter({ kind: 'exchanging', stalledAtUs: state.stalledAtUs, kvMove: undefined });
  }

  /** Takes part in steps again: `decoding` if all but its newest token is computed, else `prefilling`. */
  resume(group = this.#owner): void {
    this.#enter(this.computedTokens < this.tokens - 1 ? sharedState.prefilling : sharedState.decoding, group);
  }

  /** It ends, and stands in no queue any more. */
  end(state: EndState): void {
    this.endPreemption();
    this.#enter(state);
  }

  /** Stops the preemption clock: the request is scheduled again, stalls, or ends. */
  endPreemption(): void {
    if (this.preemptedAtUs === undefined) return;
    this.preemptedUs += this.#clock.nowUs - this.preemptedAtUs;
    this.preemptedAtUs = undefined;
  }

  /** Takes blocks for more tokens: where its others are, or else in `layout`. */
  takeBlocks(layout: KvLayout, numBlocks: number): void {
    this.layout ??= layout;
    this.layout.take(numBlocks);
    this.kvBlocks += numBlocks;
  }

  /** Gives all of its blocks back to the ledgers of its layout. */
  giveBackBlocks(): void {
    this.layout?.giveBack(this.kvBlocks);
    this.layout = undefined;
    this.kvBlocks = 0;
  }

  /** What the client sent, the true output length included. */
  static specOf(request: Request): RequestSpec {
    return request.#spec;
  }

  /** Whether it has generated as many tokens as it is to have. */
  static isComplete(request: Request): boolean {
    return request.generatedTokens === request.#outputTokens;
  }

  /** The owner of the queue in which it stands, for the check of the invariants. */
  static ownerOf(request: Request): RequestQueueOwner | undefined {
    return request.#owner;
  }

  /** One that goes on being stalled, for another reason or in another group, has been since it was first. */
  get #stalledAtUs(): number {
    return isStalled(this.#state) ? this.#state.stalledAtUs : this.#clock.nowUs;
  }

  #require(isAllowed: boolean): asserts isAllowed {
    assert(isAllowed, 'INV-status', () => `request ${this.id} is ${this.#state.kind}`);
  }

  /** The only way into a state: leaves the queue of the one before unless that is the same, and stops the clock of a stall. */
  #enter(state: RequestState, owner = this.#owner, end: QueueEnd = 'back'): void {
    const before = this.#state;
    if (isStalled(before) && !isStalled(state)) this.stalledUs += this.#clock.nowUs - before.stalledAtUs;
    const stays = owner === this.#owner && queueOf[state.kind] === queueOf[before.kind];
    if (!stays) this.#owner?.remove(this);
    this.#state = state;
    this.#status = statusOf(state);
    this.#owner = owner;
    if (!stays && queueOf[state.kind] !== undefined) owner?.add(this, end);
  }
}
