import { must } from '../base/assert.ts';
import { createRng } from '../base/rng.ts';
import type { InstanceId, RequestId } from '../domain/ids.ts';
import type { LayerRange } from '../domain/model-shape.ts';
import type { RequestSpec } from '../domain/workload.ts';

/**
 * The instances that ran the step in which a token was generated, with the layers that each ran, in stage
 * order.
 */
export type TokenOwners = readonly { readonly instanceId: InstanceId; readonly layers: LayerRange }[];

/** The tokens of one request: its prompt, and every generated token with its logit. */
export interface Transcript {
  readonly requestId: RequestId;
  readonly promptTokens: number;
  /** Token ids of the prompt, then of the output; valid up to `numTokens`. */
  readonly tokens: Int32Array;
  numTokens: number;
  /** Logit of each generated token at the time it was chosen. */
  readonly logits: Float32Array;
  readonly owners: TokenOwners[];
  /** Id of the micro-batch that generated the newest token; undefined after that token was taken back. */
  newestBatch: number | undefined;
}

/** One greedily chosen token, with its logit and the id of its micro-batch. */
export interface Sample {
  readonly token: number;
  readonly logit: number;
  readonly batchId: number;
}

export function generatedTokens(transcript: Transcript): number {
  return transcript.numTokens - transcript.promptTokens;
}

/**
 * The transcripts of all requests of a run. Those of ended requests are kept, because later requests may
 * continue them.
 */
export class TranscriptBook {
  readonly #seed: number;
  readonly #vocabSize: number;
  readonly #transcripts = new Map<RequestId, Transcript>();
  readonly #ended: Transcript[] = [];

  constructor(seed: number, vocabSize: number) {
    this.#seed = seed;
    this.#vocabSize = vocabSize;
  }

  open(spec: RequestSpec): void {
    const tokens = new Int32Array(spec.promptTokens + spec.outputTokens);
    this.#writePrompt(spec, tokens.subarray(0, spec.promptTokens));
    this.#transcripts.set(spec.id, {
      requestId: spec.id,
      promptTokens: spec.promptTokens,
      tokens,
      numTokens: spec.promptTokens,
      logits: new Float32Array(spec.outputTokens),
      owners: [],
      newestBatch: undefined,
    });
  }

  of(requestId: RequestId): Transcript {
    return must(this.#transcripts.get(requestId), `transcript of request ${requestId}`);
  }

  append(requestId: RequestId, sample: Sample, owners: TokenOwners): void {
    const transcript = this.of(requestId);
    transcript.logits[generatedTokens(transcript)] = sample.logit;
    transcript.owners.push(owners);
    transcript.tokens[transcript.numTokens] = sample.token;
    transcript.numTokens += 1;
    transcript.newestBatch = sample.batchId;
  }

  /** Removes the token that the micro-batch generated for the request, if it is the newest. */
  takeBack(requestId: RequestId, batchId: number): void {
    const transcript = this.of(requestId);
    if (transcript.newestBatch !== batchId) return;
    transcript.numTokens -= 1;
    transcript.owners.pop();
    transcript.newestBatch = undefined;
  }

  /**
   * Ends the transcript after `numGenerated` tokens. A token sampled in a step that was cut off by the end of
   * the run is discarded.
   */
  end(requestId: RequestId, numGenerated: number): void {
    const transcript = this.of(requestId);
    transcript.numTokens = transcript.promptTokens + numGenerated;
    if (numGenerated > 0) this.#ended.push(transcript);
  }

  /**
   * Returns the transcripts of requests that ended with at least one token, in the order in which they ended.
   */
  ended(): readonly Transcript[] {
    return this.#ended;
  }

  /**
   * Writes the token ids of a prompt. A follow-up begins with the earlier request's prompt and answer
   * (nothing if that was never scheduled). The rest is random, and the same for all requests with the same
   * prompt key.
   */
  #writePrompt(spec: RequestSpec, prompt: Int32Array): void {
    const earlier = spec.continues === undefined ? undefined : this.#transcripts.get(spec.continues);
    const length = Math.min(earlier?.numTokens ?? 0, prompt.length);
    if (earlier !== undefined) prompt.set(earlier.tokens.subarray(0, length));
    const owner = spec.promptKey === undefined ? `request ${spec.id}` : `key ${spec.promptKey}`;
    const rng = createRng(this.#seed, `prompt/${owner}`);
    for (let index = length; index < prompt.length; index += 1) prompt[index] = rng.integer(this.#vocabSize);
  }
}
