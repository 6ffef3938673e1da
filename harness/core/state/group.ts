import { assert } from '../../base/assert.ts';
import { Deque } from '../../base/deque.ts';
import { removeFrom } from '../../base/lists.ts';
import { usPerMs } from '../../base/units.ts';
import type { GroupId } from '../../domain/ids.ts';
import type { Decision, KvTransition, Limits } from '../../policy/decisions.ts';
import type { GroupCounters, GroupPhase, GroupView, StageView, ViewList } from '../../policy/views.ts';
import type { DecisionSource } from './decision-source.ts';
import type { Stage } from '../executor.ts';
import type { Instance } from './instance.ts';
import { KvLayout, type LayoutPart } from './kv-layout.ts';
import type { QueueEnd, Request, RequestQueueOwner } from './request.ts';
import { queueOf } from './request-state.ts';
import type { StepBatch } from './step-batch.ts';
import type { WeightLoad } from './weight-load.ts';

/** One member's part of the pipeline. */
export interface GroupStage extends Stage {
  readonly member: Instance;
}

/** A change of groups that waits until the last step of each has come back. */
export interface Transition {
  readonly groups: readonly InstanceGroup[];
  apply(): void;
}

/** The groups into which a group has been split, and what becomes of its running requests. */
export interface Retirement {
  readonly into: readonly InstanceGroup[];
  readonly runningRequests: 'finish' | 'move-back';
}

/**
 * Instances that together hold exactly one copy of the model and serve requests as a pipeline; an ordinary instance is a
 * group of one. The group owns its requests: `waiting`, `running`, `swapped`, `stalled`. In which of them a request stands
 * is its state's business: the queues change with that, and only then.
 */
export class InstanceGroup implements GroupView, RequestQueueOwner {
  readonly id: GroupId;
  readonly pipeline: readonly GroupStage[];
  readonly layout: KvLayout;
  readonly blockSizeTokens: number;
  readonly #clock: { readonly nowUs: number };
  readonly #waiting = new Deque<Request>();
  readonly #running: Request[] = [];
  readonly #swapped: Request[] = [];
  readonly #stalled: Request[] = [];
  readonly waiting: ViewList<Request> = this.#waiting;
  readonly running: readonly Request[] = this.#running;
  readonly swapped: readonly Request[] = this.#swapped;
  readonly stalled: readonly Request[] = this.#stalled;
  phase: GroupPhase = 'serving';
  limits: Limits;
  waitingBlocks = 0;
  demandBlocks = 0;
  lastStepUs = 0;
  numMigratingOut = 0;
  numMigratingIn = 0;
  readonly counters: { -readonly [Name in keyof GroupCounters]: number } = {
    numSteps: 0,
    numCappedSteps: 0,
    generatedTokens: 0,
    numTokenGaps: 0,
    tokenGapSumUs: 0,
  };
  /** Duration of the stage that ended most recently, on any member, in microseconds; 0 before the first. */
  lastStageUs = 0;
  /** The micro-batches that are on their way through the stages. */
  readonly inFlight: StepBatch[] = [];
  /** Start of the busy period under way; before it stages stood idle for want of work, which is no bubble. */
  busySinceUs = 0;
  /** When a micro-batch last came back, whether or not others were under way; -1 before the first. */
  lastBatchBackAtUs = -1;
  /** No step starts before: members are remapping their memory. */
  pausedUntilUs = 0;
  /** The batch that is being put together; a request given up meanwhile is taken out of it. */
  forming: StepBatch | undefined;
  isWakePlanned = false;
  /** No longer in the topology (merged, retired, released, or lost with a member). Events that still name it do nothing. */
  isGone = false;
  /** Changes that wait for the group's last step; none starts meanwhile. */
  readonly transitions: Transition[] = [];
  /** How the KV of stalled requests travels. */
  exchange: Extract<KvTransition, { kind: 'exchange' }> = defaultExchange;
  /** The loads of weights that are under way to members of the group. */
  readonly weightLoads: WeightLoad[] = [];
  retirement: Retirement | undefined;
  /** Decisions about requests that were in a step; carried out when that has come back. */
  readonly deferred: { readonly source: DecisionSource; readonly decision: Decision }[] = [];
  /** Finished micro-batches, to be used again, so that a step allocates nothing. */
  readonly spareBatches: StepBatch[] = [];

  constructor(init: {
    id: GroupId;
    clock: { readonly nowUs: number };
    parts: readonly LayoutPart[];
    blockSizeTokens: number;
    limits: Limits;
  }) {
    this.id = init.id;
    this.#clock = init.clock;
    this.blockSizeTokens = init.blockSizeTokens;
    this.limits = init.limits;
    this.layout = new KvLayout(init.parts);
    const last = init.parts.length - 1;
    this.pipeline = init.parts.map((part, stageIndex) => ({
      instanceId: part.instance.id,
      member: part.instance,
      stageIndex,
      layers: part.layers,
      isFirst: stageIndex === 0,
      isLast: stageIndex === last,
    }));
  }

  get observedAtUs(): number {
    return this.#clock.nowUs;
  }

  get stages(): readonly StageView[] {
    return this.pipeline.map((stage) => ({
      instance: stage.member,
      firstLayer: stage.layers.first,
      numLayers: stage.layers.count,
    }));
  }

  /** The member that runs the first stage. */
  get leader(): Instance {
    return (this.pipeline[0] as GroupStage).member;
  }

  get role(): string {
    return this.leader.role;
  }

  get acceptsRequests(): boolean {
    return this.phase === 'serving' || this.phase === 'merging' || this.phase === 'restoring';
  }

  get groupId(): GroupId {
    return this.id;
  }

  get totalBlocks(): number {
    return this.layout.totalBlocks;
  }

  get freeBlocks(): number {
    return this.layout.freeBlocks;
  }

  get pendingFreeBlocks(): number {
    let blocks = 0;
    for (const { state, kvBlocks } of this.#swapped) if (state.kind === 'swapping-out') blocks += kvBlocks;
    return blocks;
  }

  get numRequests(): number {
    return this.waiting.length + this.running.length + this.swapped.length + this.stalled.length;
  }

  /** Requests that count against `limits.maxRunning`: those that run, and those that will once their KV is here. */
  get numAdmitted(): number {
    let count = this.running.length + this.numMigratingIn;
    for (const { state } of this.swapped) if (state.kind === 'swapping-in') count += 1;
    return count;
  }

  get isChanging(): boolean {
    return this.transitions.length > 0;
  }

  /** Whether nothing of it is being computed or about to be. */
  get isIdle(): boolean {
    return this.inFlight.length === 0 && this.forming === undefined;
  }

  /** Chunks of what travels beside activations: about one stage time, so that these wait no longer (KunServe, section 5). */
  get chunkUs(): number {
    return this.lastStageUs === 0 ? usPerMs : this.lastStageUs;
  }

  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSizeTokens);
  }

  /** Returns how many blocks are free where the request's KV lies, or would lie if it had any. */
  freeBlocksFor(request: Request): number {
    return (request.layout ?? this.layout).freeBlocks;
  }

  add(request: Request, end: QueueEnd): void {
    this.updateDemand(request);
    switch (queueOf[request.state.kind]) {
      case 'waiting':
        if (end === 'back') this.#waiting.pushBack(request);
        else this.#waiting.pushFront(request);
        this.waitingBlocks += request.demandBlocks;
        break;
      case 'running':
        this.#running.push(request);
        break;
      case 'swapped':
        this.#swapped.push(request);
        break;
      case 'stalled':
        this.#stalled.push(request);
        break;
      default:
        assert(false, 'INV-queues', () => `request ${request.id} is ${request.state.kind}, in no group`);
    }
  }

  remove(request: Request): void {
    switch (queueOf[request.state.kind]) {
      case 'waiting':
        this.#waiting.remove(request);
        this.waitingBlocks -= request.demandBlocks;
        break;
      case 'running':
        removeFrom(this.#running, request);
        break;
      case 'swapped':
        removeFrom(this.#swapped, request);
        break;
      default:
        removeFrom(this.#stalled, request);
    }
    this.demandBlocks -= request.demandBlocks;
    request.demandBlocks = 0;
  }

  /** Puts the waiting requests in this order. */
  sortWaiting(compare: (a: Request, b: Request) => number): void {
    this.#waiting.replaceAll([...this.#waiting].toSorted(compare));
  }

  /** Keeps the group's demand in step with the tokens that the request has now. */
  updateDemand(request: Request): void {
    const blocks = this.blocksFor(request.tokens);
    this.demandBlocks += blocks - request.demandBlocks;
    request.demandBlocks = blocks;
  }
}

export const defaultExchange = { kind: 'exchange', maxRequests: 8, isCoordinated: true } as const;
