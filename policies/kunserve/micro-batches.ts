import type {
  BatchView,
  GroupView,
  Limits,
  MicroBatchPlan,
  Policy,
  RequestView,
  StageTiming,
} from '../../harness/policy/index.ts';
import { type ChunkCost, CostModel } from './cost-model.ts';
import { type Chunk, cutAt, formByCost, tokensOf } from './lookahead.ts';

export interface LookaheadRule {
  /** Fewest tokens of a micro-batch, or how they follow from the fitted cost; see `params.ts`. */
  readonly minTokens?: number | undefined;
  readonly fixedCostShare: number;
}

/** Before the cost model has learned anything, micro-batches have equal numbers of tokens, and as many as the code hints at. */
const tokensOnly: ChunkCost = { perAttentionPair: 0, perToken: 1, perChunk: 0 };
const unfittedMinTokens = 256;

/** The micro-batches that a group's next step is to become, in tokens of prefill. */
interface Round {
  readonly groupId: number;
  readonly sizes: readonly number[];
}

/**
 * Which micro-batches a pipeline runs when work is queued (KunServe, section 4.3): the first of those that all of the
 * queued work is cut into, whatever one step may take. The queue is cut anew whenever the pipeline has room for another
 * micro-batch, so that what has arrived meanwhile counts; neighbours cost much the same.
 *
 * A request that decodes joins the first micro-batch that starts after it has come back. So it gets a token in every turn
 * of the pipeline, beside an equal part of the prefill, as it does in the authors' code, where a pipeline of n stages has n
 * engines, each with decodes of its own. When most decodes are back at the same time they are dealt out over several
 * micro-batches; together they would come back together, for as long as they decode.
 */
export class MicroBatches {
  readonly #rule: LookaheadRule;
  readonly #costModel = new CostModel();
  #round: Round | undefined;

  constructor(rule: LookaheadRule) {
    this.#rule = rule;
  }

  /**
   * Requests in host memory are the business of the policy that has put them there, limits included. The authors' engine
   * hands a prompt's next chunk on to the next of a pipeline's engines before the last one is through
   * (`pop_unassigned_requests`), which vLLM V0, their baseline, does not.
   */
  moments(looksAhead: boolean): Pick<Policy, 'limits' | 'formMicroBatches'> {
    const limits = (group: GroupView): Partial<Limits> | undefined => {
      this.#round = undefined;
      if (group.stages.length < 2 || group.swapped.length > 0) return undefined;
      return { overlapsChunks: true, ...(looksAhead ? this.#tokenLimit(group) : {}) };
    };
    return {
      limits,
      ...(looksAhead ? { formMicroBatches: (batch, group) => this.#form(batch, group) } : {}),
    };
  }

  learn(timing: StageTiming): void {
    this.#costModel.observe(timing);
  }

  stats(): Readonly<Record<string, number | null>> {
    return { min_tokens: this.#minTokens, ...this.#costModel.stats() };
  }

  /** Tokens of the next micro-batches, where there is queued work to cut. */
  #tokenLimit(group: GroupView): Partial<Limits> {
    const { queue, numDecoding, numReady } = workOf(group);
    const numStages = group.stages.length;
    // Parts have less than twice the fewest tokens: with their decodes they are no more than a step may take.
    const room = Math.floor((group.limits.maxBatchTokens - Math.ceil(numDecoding / numStages)) / 2);
    const minTokens = Math.max(1, Math.min(this.#minTokens, room));
    if (tokensOf(queue) < 2 * minTokens) return {};
    const numParts = numDecoding === 0 ? 1 : Math.max(1, Math.round((numReady * numStages) / numDecoding));
    const sizes: number[] = [];
    for (const part of formByCost(queue, this.#costModel.chunkCost ?? tokensOnly, minTokens)) {
      sizes.push(tokensOf(part));
      if (sizes.length === numParts) break;
    }
    this.#round = { groupId: group.id, sizes };
    return { maxBatchTokens: sizes.reduce((sum, size) => sum + size, numReady) };
  }

  /** Cuts the batch that has come of it; without prefill in it, where memory is short, it is left to the even split. */
  #form(batch: BatchView, group: GroupView): readonly MicroBatchPlan[] | undefined {
    const round = this.#round;
    this.#round = undefined;
    if (round?.groupId !== group.id) return undefined;
    const chunks: Chunk[] = [];
    const decodes: Chunk[] = [];
    for (const { request, numTokens, pastTokens } of batch.entries) {
      const chunk = { requestId: request.id, pastTokens, numTokens };
      (request.status.kind === 'decoding' ? decodes : chunks).push(chunk);
    }
    if (chunks.length === 0) return undefined;
    const parts = cutInto(chunks, round.sizes).map((part, index, { length }) => [
      ...decodes.filter((_, place) => place % length === index),
      ...part,
    ]);
    return parts
      .filter(({ length }) => length > 0)
      .map((part) => ({ entries: part.map(({ requestId, numTokens }) => ({ requestId, numTokens })) }));
  }

  /** MIN of the paper: more tokens than this, and a micro-batch's fixed cost is no more than its share. */
  get #minTokens(): number {
    const { minTokens, fixedCostShare } = this.#rule;
    if (minTokens !== undefined) return minTokens;
    const { fixedTokens } = this.#costModel;
    if (fixedTokens === undefined) return unfittedMinTokens;
    return Math.max(1, Math.ceil((fixedTokens * (1 - fixedCostShare)) / fixedCostShare));
  }
}

/** What is left to prefill, in the order in which it will be, and how many requests decode, and are back for another token. */
function workOf({ running, waiting }: GroupView) {
  const queue: Chunk[] = [];
  let numDecoding = 0;
  let numReady = 0;
  for (const request of running) {
    const chunk = restOf(request);
    if (request.status.kind === 'decoding') {
      numDecoding += 1;
      if (chunk.numTokens > 0) numReady += 1;
    } else if (chunk.numTokens > 0) queue.push(chunk);
  }
  for (const request of waiting) queue.push(restOf(request));
  return { queue, numDecoding, numReady };
}

function restOf({ id, tokens, scheduledTokens }: RequestView): Chunk {
  return { requestId: id, pastTokens: scheduledTokens, numTokens: tokens - scheduledTokens };
}

/** As many parts as there are sizes, the last with all that is left over; those for which nothing is left are empty. */
function cutInto(chunks: readonly Chunk[], sizes: readonly number[]): readonly (readonly Chunk[])[] {
  const parts: (readonly Chunk[])[] = [];
  let rest = chunks;
  for (const size of sizes.slice(0, -1)) {
    const [part, others] = cutAt(rest, size);
    parts.push(part);
    rest = others;
  }
  return [...parts, rest];
}
