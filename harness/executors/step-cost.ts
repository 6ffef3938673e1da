import type { Hardware } from '../domain/hardware.ts';
import { layerWeightBytes, type ModelShape } from '../domain/model-shape.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';

/** What a step's cost depends on. */
export type StepShape = Pick<MicroBatch, 'size' | 'totalTokens'> & AttentionShape;
type AttentionShape = Pick<MicroBatch, 'attentionPairs' | 'contextTokens' | 'decodeContextTokens'>;

/**
 * What a stage takes, in microseconds: terms that add, each with the rates that its kernels reach.
 *
 *     layer  = layerOverhead + products + activations + attention + all-reduces
 *     stage  = stepOverhead + layers * layer + output head on the last stage, then the engine's processor time
 *
 * Products (Q, K, V, O, feed-forward) read their weights while they compute two operations per weight and token. Near the knee of
 * the roofline neither hides the other wholly, so they take the root of the sum of squares and not the larger one: within 13 % of
 * what the down projection of Llama-3.1-8B takes on an RTX 4090 (profile of LLMServingSim 2.0) at 1 to 2,048 tokens, where the larger
 * one is 24 % short at 128. Steps of whole tiles are left out. Activations are what element-wise kernels (norms, rotary embedding,
 * SwiGLU) and attention read and write.
 *
 * Attention of prefill is two products of two operations per head dimension and pair of tokens, and reads the KV that it looks
 * at; attention of decoding reads KV, and where a kernel for many queries serves it beside a prefill, computes the rows of a whole
 * tile for its single query. In tensor parallelism each device has its part of every matrix and of the heads, and twice a layer
 * all of them add up the residual stream of all tokens in a ring.
 *
 * Attention on KV that lies on another instance is left out of the stage and charged to that instance by itself; what it costs
 * the network is the core's.
 */
export class StepCost {
  /** Of a layer, whatever the step. */
  readonly #layerUs: number;
  /** Of a layer, for each token: activations and all-reduces. */
  readonly #tokenUs: number;
  readonly #weightsUs: number;
  readonly #productUs: number;
  readonly #pairUs: number;
  readonly #contextUs: number;
  readonly #mixedContextUs: number;
  readonly #headWeightsUs: number;
  readonly #headProductUs: number;
  readonly #stepUs: number;
  readonly #cpuStepUs: number;
  readonly #cpuSequenceUs: number;
  readonly #overlapsDevice: boolean;

  constructor(model: ModelShape, hardware: Hardware) {
    const { compute, tensorParallel } = hardware;
    const { attention, engineCpu } = compute;
    const devices = tensorParallel?.devices ?? 1;
    const flopUs = 1e6 / (compute.flopsPerSecond * devices);
    const byteUs = 1e6 / compute.memoryBytesPerSecond;
    const weightBytes = layerWeightBytes(model);
    const headWeights = model.vocabSize * model.hiddenSize;
    const allReduce = allReduceUs(model, hardware);

    this.#layerUs = compute.layerOverheadUs + 2 * allReduce.fixed;
    this.#tokenUs = activationBytes(model, devices) * byteUs + 2 * allReduce.perToken;
    this.#weightsUs = (weightBytes / devices) * byteUs;
    this.#productUs = 2 * (weightBytes / model.bytesPerWeight) * flopUs;
    this.#pairUs = (4 * model.numHeads * model.headDim * 1e6) / (attention.flopsPerSecond * devices);
    this.#contextUs = (kvTokenBytes(model, devices) * 1e6) / attention.memoryBytesPerSecond;
    this.#mixedContextUs = Math.max(this.#contextUs, attention.mixedDecodeRows * this.#pairUs);
    this.#headWeightsUs = ((headWeights * model.bytesPerWeight) / devices) * byteUs;
    this.#headProductUs = 2 * headWeights * flopUs;
    this.#stepUs = compute.stepOverheadUs;
    this.#cpuStepUs = engineCpu.stepUs;
    this.#cpuSequenceUs = engineCpu.sequenceUs;
    this.#overlapsDevice = engineCpu.overlapsDevice;
  }

  /** At least one microsecond, in whole ones. */
  stageUs(step: StepShape, stage: Pick<Stage, 'layers' | 'isLast'>): number {
    const headUs = stage.isLast ? overlapped(this.#headProductUs * step.size, this.#headWeightsUs) : 0;
    const deviceUs = this.#stepUs + stage.layers.count * this.#layerOf(step) + headUs;
    const cpuUs = this.#cpuStepUs + this.#cpuSequenceUs * step.size;
    return Math.max(1, Math.round(this.#overlapsDevice ? Math.max(deviceUs, cpuUs) : deviceUs + cpuUs));
  }

  /** Of attention that an instance computes for another's stage, in all of its layers. */
  attentionUs({ pairLayers, contextLayers, decodeContextLayers }: RemoteAttention): number {
    const attentionUs = this.#attentionOf({
      attentionPairs: pairLayers,
      contextTokens: contextLayers,
      decodeContextTokens: decodeContextLayers,
    });
    return Math.max(1, Math.round(attentionUs));
  }

  #layerOf(step: StepShape): number {
    const { totalTokens } = step;
    const productsUs = overlapped(this.#productUs * totalTokens, this.#weightsUs);
    return this.#layerUs + this.#tokenUs * totalTokens + productsUs + this.#attentionOf(step);
  }

  #attentionOf({ attentionPairs, contextTokens, decodeContextTokens }: AttentionShape): number {
    const prefillPairs = attentionPairs - decodeContextTokens;
    const decodeUs = decodeContextTokens * (prefillPairs > 0 ? this.#mixedContextUs : this.#contextUs);
    const prefillUs = prefillPairs * this.#pairUs + (contextTokens - decodeContextTokens) * this.#contextUs;
    return decodeUs + prefillUs;
  }
}

/** Computing and reading memory at the same time, each of which hides most of the other where that is much shorter. */
function overlapped(computeUs: number, memoryUs: number): number {
  return Math.sqrt(computeUs * computeUs + memoryUs * memoryUs);
}

/**
 * Bytes of activations that one layer's kernels, matrix products apart, read and write for a token, on one device: the residual
 * stream and its sum and norm, before attention and before the feed-forward (8 widths); Q and K in and out of the rotary
 * embedding, K and V into the cache, Q and the result of attention; two inputs and a result of SwiGLU.
 */
function activationBytes(model: ModelShape, devices: number): number {
  const heads = 4 * (model.numHeads + model.numKvHeads) * model.headDim;
  return (8 * model.hiddenSize + (heads + 3 * model.ffnSize) / devices) * model.bytesPerWeight;
}

/** K and V of a token in one layer, on one device: a head of them is never divided. */
function kvTokenBytes(model: ModelShape, devices: number): number {
  return 2 * Math.max(1, model.numKvHeads / devices) * model.headDim * model.bytesPerKvElement;
}

/** One all-reduce of the residual stream in a ring, in which every device sends 2 (n - 1) / n of the bytes. */
function allReduceUs(model: ModelShape, { tensorParallel }: Hardware): { fixed: number; perToken: number } {
  if (tensorParallel === undefined) return { fixed: 0, perToken: 0 };
  const { devices, link } = tensorParallel;
  const bytes = ((2 * (devices - 1)) / devices) * model.hiddenSize * model.bytesPerWeight;
  return { fixed: link.latencyUs, perToken: (bytes * 1e6) / link.bytesPerSecond };
}
