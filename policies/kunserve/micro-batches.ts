import type {
  BatchView,
  GroupId,
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
  /**
   * Fewest tokens of a micro-batch; if undefined, `fixedCostShare` and the fitted cost decide. See
   * `params.ts`.
   */
  readonly minTokens?: number | undefined;
  readonly fixedCostShare: number;
}

/**
 * Until the cost model is fitted, micro-batches have equal numbers of tokens, and at least the number that
 * the authors' code suggests.
 */
const tokensOnly: ChunkCost = { perAttentionPair: 0, perToken: 1, perChunk: 0 };
const unfittedMinTokens = 256;

/** The micro-batches planned for a group's next step: their numbers of prefill tokens, in order. */
interface Round {
  readonly groupId: GroupId;
  readonly sizes: readonly number[];
}

/**
 * Plans the micro-batches of a pipeline with queued work (KunServe, section 4.3). All of the queued work is
 * divided, however little of it one step can take, and the first parts are run. The queue is divided again
 * whenever the pipeline has room for another micro-batch, so that new arrivals are included; consecutive
 * micro-batches cost about the same.
 *
 * A decoding request joins the first micro-batch that starts after its previous token. So it generates one
 * token per turn of the pipeline, beside an equal part of the prefill, as in the authors' code, where a
 * pipeline of n stages has n engines with decodes of their own. If most decodes become ready at the same
 * time, they are dealt out over several micro-batches; otherwise they would stay together for as long as they
 * decode.
 */
export class MicroBatches {
  readonly #rule: LookaheadRule;
  readonly #costModel = new CostModel();
  #round: Round | undefined;

  constructor(rule: LookaheadRule) {
    this.#rule = rule;
  }

  /**
   * Returns the moments to add to the policy. Groups with swapped requests are left to the policy that
   * swapped them, including their limits. Chunks overlap because the authors' engine passes a prompt's next
   * chunk to the next of a pipeline's engines before the last one is through (`pop_unassigned_requests`);
   * vLLM V0, their baseline, does not.
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

  /**
   * Returns the limit on the tokens of the next step and plans its micro-batches; empty if there is too
   * little queued work to divide.
   */
  #tokenLimit(group: GroupView): Partial<Limits> {
    const { queue, numDecoding, numReady } = workOf(group);
    const numStages = group.stages.length;
    // Parts have fewer than twice the minimum of tokens, so with their share of the decodes they stay within
    // the budget of a step.
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

  /**
   * Divides the batch that was formed into the planned micro-batches. A batch without prefill (memory was
   * short) is left to the even split.
   */
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

  /**
   * MIN of the paper: with at least this many tokens, the fixed cost of a micro-batch is at most
   * `fixedCostShare` of its time.
   */
  get #minTokens(): number {
    const { minTokens, fixedCostShare } = this.#rule;
    if (minTokens !== undefined) return minTokens;
    const { fixedTokens } = this.#costModel;
    if (fixedTokens === undefined) return unfittedMinTokens;
    return Math.max(1, Math.ceil((fixedTokens * (1 - fixedCostShare)) / fixedCostShare));
  }
}

/**
 * Returns the remaining prefill in the order in which it will run, the number of decoding requests, and how
 * many of these are ready for their next token.
 */
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

/** Divides the chunks into one part per size. The last part gets all that is left; a part may be empty. */
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
