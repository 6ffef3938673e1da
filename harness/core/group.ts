import { Deque } from '../base/deque.ts';
import type { Stage } from './executor.ts';
import type { Decision, Limits } from '../policy/decisions.ts';
import type { GroupView, StageView } from '../policy/views.ts';
import type { DecisionSource } from './decision-log.ts';
import { KvLayout, type LayoutPart } from './kv-layout.ts';
import type { Instance } from './instance.ts';
import type { Link } from './fabric.ts';
import type { Request } from './request.ts';
import type { StepBatch } from './step-batch.ts';

/** One member's part of the pipeline. */
export interface GroupStage extends Stage {
  readonly member: Instance;
}

/** Links of an instance, each direction on its own. */
export interface InstanceLinks {
  readonly toHost: Link;
  readonly fromHost: Link;
  readonly send: Link;
  readonly receive: Link;
}

/**
 * Instances that together hold exactly one copy of the model and serve requests as a pipeline; an ordinary instance is a
 * group of one. The group owns its requests: `waiting`, `running`, `swapped`.
 */
export class InstanceGroup implements GroupView {
  readonly id: number;
  readonly pipeline: readonly GroupStage[];
  readonly layout: KvLayout;
  readonly blockSizeTokens: number;
  readonly waiting = new Deque<Request>();
  readonly running: Request[] = [];
  readonly swapped: Request[] = [];
  limits: Limits;
  acceptsRequests = true;
  pendingFreeBlocks = 0;
  waitingBlocks = 0;
  demandBlocks = 0;
  lastStepUs = 0;
  /** Micro-batches under way. */
  numInFlight = 0;
  busySinceUs = 0;
  /** When the last micro-batch came back. */
  idleSinceUs = -1;
  /** The batch that is being put together; a request given up meanwhile is taken out of it. */
  forming: StepBatch | undefined;
  isWakePlanned = false;
  /** Decisions about requests that were in a step; carried out when that has come back. */
  readonly deferred: { readonly source: DecisionSource; readonly decision: Decision }[] = [];
  /** Finished batches, ready to be used again. */
  readonly spareBatches: StepBatch[] = [];

  constructor(init: {
    id: number;
    parts: readonly LayoutPart[];
    blockSizeTokens: number;
    limits: Limits;
  }) {
    this.id = init.id;
    this.blockSizeTokens = init.blockSizeTokens;
    this.limits = init.limits;
    this.layout = new KvLayout(init.parts);
    const last = init.parts.length - 1;
    this.pipeline = init.parts.map((part, stageIndex) => ({
      instance: part.instance.id,
      member: part.instance,
      stageIndex,
      layers: part.layers,
      isFirst: stageIndex === 0,
      isLast: stageIndex === last,
    }));
  }

  get stages(): readonly StageView[] {
    return this.pipeline.map((stage) => ({
      instance: stage.member,
      firstLayer: stage.layers.first,
      numLayers: stage.layers.count,
    }));
  }

  get totalBlocks(): number {
    return this.layout.totalBlocks;
  }

  get freeBlocks(): number {
    return this.layout.freeBlocks;
  }

  get numRequests(): number {
    return this.waiting.length + this.running.length + this.swapped.length;
  }

  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSizeTokens);
  }

  enqueue(request: Request, end: 'back' | 'front'): void {
    if (end === 'back') this.waiting.pushBack(request);
    else this.waiting.pushFront(request);
    this.waitingBlocks += request.demandBlocks;
  }

  /** The request leaves the waiting queue, wherever in it it stands. */
  dequeue(request: Request): void {
    if (this.waiting.remove(request)) this.waitingBlocks -= request.demandBlocks;
  }

  takeBlocks(request: Request, numBlocks: number): void {
    this.layout.take(numBlocks);
    request.kvBlocks += numBlocks;
  }

  giveBackBlocks(request: Request): void {
    this.layout.giveBack(request.kvBlocks);
    request.kvBlocks = 0;
  }

  /** Keeps the group's demand in step with the tokens that the request has now. */
  updateDemand(request: Request): void {
    const blocks = this.blocksFor(request.tokens);
    this.demandBlocks += blocks - request.demandBlocks;
    request.demandBlocks = blocks;
  }

  forget(request: Request): void {
    this.demandBlocks -= request.demandBlocks;
    request.demandBlocks = 0;
  }
}

/** Takes `item` out of a short list; whether it was there. */
export function removeFrom<T>(list: T[], item: T): boolean {
  const index = list.lastIndexOf(item);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}
