import type { Hardware } from '../domain/hardware.ts';
import { layerWeightBytes, type ModelShape } from '../domain/model-shape.ts';
import { ownAttention } from '../core/kv/remote-attention.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';
import type { StageCost } from './stage-cost.ts';

/** The properties of a step on which its cost depends. */
export type StepShape = Pick<MicroBatch, 'size' | 'totalTokens'> & AttentionShape;
type AttentionShape = Pick<MicroBatch, 'attentionPairs' | 'contextTokens' | 'decodeContextTokens'>;

/**
 * Computes the time of a stage in microseconds as a sum of terms, each with the rates that its kernels reach:
 *
 * layer = layerOverhead + products + activations + attention + all-reduces
 * stage = stepOverhead + layers * layer + output head (last stage only), and the engine's processor time
 *
 * Products (Q, K, V, O, feed-forward) read their weights while they compute two operations per weight and
 * token. Near the knee of the roofline neither hides the other completely, so their time is the root of the
 * sum of squares and not the larger of the two. This is within 13 % of the down projection of Llama-3.1-8B on
 * an RTX 4090 (profile of LLMServingSim 2.0) at 1 to 2,048 tokens; the larger of the two is 24 % too low at
 * 128. The rounding of work to whole tiles is not modelled. Activations are the bytes that element-wise
 * kernels (norms, rotary embedding, SwiGLU) and attention read and write.
 *
 * Attention of prefill computes two products of two operations per head dimension and pair of tokens, and
 * reads the KV of its context. Attention of decoding reads KV; if a kernel for many queries runs it beside a
 * prefill, that kernel computes a whole tile of rows for the single query. In tensor parallelism each device
 * holds its share of every matrix and of the heads, and twice per layer all devices sum the residual stream
 * of all tokens in a ring.
 *
 * Attention on the KV of another instance is charged to that instance and not to the stage; the core accounts
 * for the network.
 */
export class RooflineCost implements StageCost {
  /** Time per layer that does not depend on the step. */
  readonly #layerUs: number;
  /** Time per layer and token: activations and all-reduces. */
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

  stageUs(batch: MicroBatch, stage: Stage): number {
    if (batch.remote.length === 0) return this.stepUs(batch, stage);
    const { size, totalTokens } = batch;
    return this.stepUs({ size, totalTokens, ...ownAttention(batch, stage) }, stage);
  }

  /** Returns the time of a stage of such a step in whole microseconds, at least 1. */
  stepUs(step: StepShape, stage: Pick<Stage, 'layers' | 'isLast'>): number {
    const headUs = stage.isLast ? overlapped(this.#headProductUs * step.size, this.#headWeightsUs) : 0;
    const deviceUs = this.#stepUs + stage.layers.count * this.#layerOf(step) + headUs;
    const cpuUs = this.#cpuStepUs + this.#cpuSequenceUs * step.size;
    return Math.max(1, Math.round(this.#overlapsDevice ? Math.max(deviceUs, cpuUs) : deviceUs + cpuUs));
  }

  /**
   * Returns the time in whole microseconds, at least 1, of attention that an instance computes for another's
   * stage, summed over its layers.
   */
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

/**
 * Combines the times of computing and of reading memory when they overlap: the longer one hides most of the
 * shorter.
 */
function overlapped(computeUs: number, memoryUs: number): number {
  return Math.sqrt(computeUs * computeUs + memoryUs * memoryUs);
}

/**
 * Returns the bytes of activations per token that the kernels of one layer, apart from matrix products, read
 * and write on one device: the residual stream with its sum and norm, before attention and before the
 * feed-forward (8 widths); Q and K in and out of the rotary embedding; K and V into the cache; Q and the
 * result of attention; two inputs and one result of SwiGLU.
 */
function activationBytes(model: ModelShape, devices: number): number {
  const heads = 4 * (model.numHeads + model.numKvHeads) * model.headDim;
  return (8 * model.hiddenSize + (heads + 3 * model.ffnSize) / devices) * model.bytesPerWeight;
}

/**
 * Returns the bytes of K and V of a token in one layer on one device. A KV head is never divided between
 * devices.
 */
function kvTokenBytes(model: ModelShape, devices: number): number {
  return 2 * Math.max(1, model.numKvHeads / devices) * model.headDim * model.bytesPerKvElement;
}

/**
 * Returns the time in microseconds of one all-reduce of the residual stream in a ring, in which every device
 * sends 2 (n - 1) / n of the bytes: a fixed part, and a part per token.
 */
function allReduceUs(model: ModelShape, { tensorParallel }: Hardware): { fixed: number; perToken: number } {
  if (tensorParallel === undefined) return { fixed: 0, perToken: 0 };
  const { devices, link } = tensorParallel;
  const bytes = ((2 * (devices - 1)) / devices) * model.hiddenSize * model.bytesPerWeight;
  return { fixed: link.latencyUs, perToken: (bytes * 1e6) / link.bytesPerSecond };
}
