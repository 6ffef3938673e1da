import { must } from '../base/assert.ts';
import { createRng } from '../base/rng.ts';
import type { LayerRange } from '../domain/model-shape.ts';
import type { RequestSpec } from '../domain/workload.ts';
import type { InstanceId } from '../core/executor.ts';

/** Which instance ran which layers of the step that a token came out of, stage by stage. */
export type TokenOwners = readonly { readonly instance: InstanceId; readonly layers: LayerRange }[];

/** Everything that a request says and was told: its prompt, and every token generated with its logit. */
export interface Transcript {
  readonly requestId: number;
  readonly promptTokens: number;
  /** Prompt, then output; valid up to `numTokens`. */
  readonly tokens: Int32Array;
  numTokens: number;
  /** Logit of each generated token, as it was when the token was chosen. */
  readonly logits: Float32Array;
  readonly owners: TokenOwners[];
  /** Micro-batch that the newest token came out of; `undefined` once that one was taken back. */
  newestBatch: number | undefined;
}

/** One greedy choice of a micro-batch. */
export interface Sample {
  readonly token: number;
  readonly logit: number;
  readonly batchId: number;
}

export function generatedTokens(transcript: Transcript): number {
  return transcript.numTokens - transcript.promptTokens;
}

/** Transcripts of all requests of a run; those that ended stay, since later requests may continue them. */
export class TranscriptBook {
  readonly #seed: number;
  readonly #vocabSize: number;
  readonly #transcripts = new Map<number, Transcript>();
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

  of(requestId: number): Transcript {
    return must(this.#transcripts.get(requestId), `transcript of request ${requestId}`);
  }

  append(requestId: number, sample: Sample, owners: TokenOwners): void {
    const transcript = this.of(requestId);
    transcript.logits[generatedTokens(transcript)] = sample.logit;
    transcript.owners.push(owners);
    transcript.tokens[transcript.numTokens] = sample.token;
    transcript.numTokens += 1;
    transcript.newestBatch = sample.batchId;
  }

  /** Takes back the token that the micro-batch gave the request, if it did. */
  takeBack(requestId: number, batchId: number): void {
    const transcript = this.of(requestId);
    if (transcript.newestBatch !== batchId) return;
    transcript.numTokens -= 1;
    transcript.owners.pop();
    transcript.newestBatch = undefined;
  }

  /** A token that was sampled but never came back, because the run was cut off in that step, does not count. */
  end(requestId: number, numGenerated: number): void {
    const transcript = this.of(requestId);
    transcript.numTokens = transcript.promptTokens + numGenerated;
    if (numGenerated > 0) this.#ended.push(transcript);
  }

  /** Of the requests that ended with at least one token, in the order in which they did. */
  ended(): readonly Transcript[] {
    return this.#ended;
  }

  /**
   * A follow-up repeats what was said before, which is nothing where the earlier request was never scheduled; the rest
   * is random, the same for requests with one prompt key.
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
