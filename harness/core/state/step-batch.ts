import type { RequestId } from '../../domain/ids.ts';
import type { KvPlacement, MicroBatch, RemoteAttention } from '../executor.ts';
import { type EventPriority, eventPriority, type SimEvent } from './events.ts';
import type { Transfer } from './fabric.ts';
import type { KvLayout } from './kv-layout.ts';
import type { LoadReport } from './load/load-report.ts';
import type { Request } from './request.ts';

export const nothingRemote: readonly RemoteAttention[] = [];

/** What happens to a micro-batch at its times; given by the step loop, which knows whose it is. */
export interface BatchHooks {
  readonly stageEnded: (batch: StepBatch) => void;
  readonly stepEnded: (batch: StepBatch) => void;
}

/**
 * A micro-batch on its way through a group's stages. It is the event of its own stage end, and is used again when it
 * has come back, so that a step allocates nothing.
 */
export class StepBatch implements MicroBatch, SimEvent {
  timeUs = 0;
  priority: EventPriority = eventPriority.completion;
  sequence = 0;

  id = 0;
  size = 0;
  readonly requests: Request[] = [];
  readonly requestIds: RequestId[] = [];
  readonly numTokens: number[] = [];
  readonly pastTokens: number[] = [];
  readonly samples: number[] = [];
  totalTokens = 0;
  attentionPairs = 0;
  contextTokens = 0;
  decodeContextTokens = 0;
  decodeTokens = 0;
  numRemote = 0;
  readonly placements: (KvPlacement | undefined)[] = [];
  remote: readonly RemoteAttention[] = nothingRemote;
  /** How long each of `remote` takes its owner, in microseconds. */
  remoteUs: readonly number[] = [];

  stageIndex = 0;
  startedAtUs = 0;
  stageStartedAtUs = 0;
  bubbleUs = 0;
  /** Part of the stage's time in which the instance computed attention for others. */
  remoteAttentionUs = 0;
  /** Transfers that it has under way between stages. */
  readonly transfers: Transfer[] = [];
  /** The group's load when this step was scheduled, where its end reports it; an old one to be filled again otherwise. */
  report: LoadReport | undefined;
  carriesReport = false;
  /** A member failed: it does not go on, and is not used again. */
  isAbandoned = false;

  /** Where the group's layers are. */
  readonly #layout: KvLayout;
  readonly #hooks: BatchHooks;

  constructor(layout: KvLayout, hooks: BatchHooks) {
    this.#layout = layout;
    this.#hooks = hooks;
  }

  reset(id: number, nowUs: number): void {
    this.id = id;
    this.size = 0;
    this.totalTokens = 0;
    this.attentionPairs = 0;
    this.contextTokens = 0;
    this.decodeContextTokens = 0;
    this.decodeTokens = 0;
    this.numRemote = 0;
    this.stageIndex = 0;
    this.startedAtUs = nowUs;
  }

  /** Adds the next `count` tokens of the request, whose blocks have been taken. */
  add(request: Request, count: number): void {
    const past = request.scheduledTokens;
    const index = this.size;
    const samples = past + count === request.tokens;
    this.size += 1;
    this.requests[index] = request;
    this.requestIds[index] = request.id;
    this.numTokens[index] = count;
    this.pastTokens[index] = past;
    this.samples[index] = samples ? 1 : 0;
    this.placements[index] = placementOf(request, this.#layout);
    if (this.placements[index] !== undefined) this.numRemote += 1;
    this.totalTokens += count;
    this.attentionPairs += count * past + (count * (count + 1)) / 2;
    this.contextTokens += past + count;
    if (isDecode(request, past)) {
      this.decodeTokens += 1;
      this.decodeContextTokens += past + 1;
    }
    request.scheduledTokens = past + count;
    request.numInFlight += 1;
  }

  /** Takes an entry out again: its request was given up while the batch was being formed. */
  remove(request: Request): void {
    for (let index = this.size - 1; index >= 0; index -= 1) {
      if (this.requests[index] === request) this.#removeAt(index);
    }
  }

  /** Takes all entries out again: they are handed out anew. */
  clear(): void {
    for (let index = 0; index < this.size; index += 1) {
      const request = this.requests[index] as Request;
      request.scheduledTokens -= this.numTokens[index] as number;
      request.numInFlight -= 1;
    }
    this.reset(this.id, this.startedAtUs);
  }

  countOf(request: Request): number {
    let count = 0;
    for (let index = 0; index < this.size; index += 1) if (this.requests[index] === request) count += 1;
    return count;
  }

  fire(): void {
    this.#hooks.stageEnded(this);
  }

  /** Ends the step: the micro-batch has left the last stage. */
  endStep(): void {
    this.#hooks.stepEnded(this);
  }

  #removeAt(index: number): void {
    const count = this.numTokens[index] as number;
    const past = this.pastTokens[index] as number;
    const request = this.requests[index] as Request;
    request.scheduledTokens -= count;
    request.numInFlight -= 1;
    if (this.placements[index] !== undefined) this.numRemote -= 1;
    this.totalTokens -= count;
    this.attentionPairs -= count * past + (count * (count + 1)) / 2;
    this.contextTokens -= past + count;
    if (isDecode(request, past)) {
      this.decodeTokens -= 1;
      this.decodeContextTokens -= past + 1;
    }
    const { requests, requestIds, numTokens, pastTokens, samples, placements } = this;
    for (const column of [requests, requestIds, numTokens, pastTokens, samples, placements]) {
      column.splice(index, 1);
    }
    this.size -= 1;
  }
}

/** Where its KV is, if that is not where the group's layers are. */
function placementOf({ layout }: Request, groupLayout: KvLayout): KvPlacement | undefined {
  return layout === undefined || layout === groupLayout ? undefined : layout.placement;
}

/** Whether all but the newest generated token is computed: anything else is prefill, of the prompt or of what was dropped. */
export function isDecode(request: Request, past: number): boolean {
  return request.generatedTokens > 0 && past === request.tokens - 1;
}
