import type { ComputeProfile, Hardware } from '../core/hardware.ts';
import { layerWeightBytes, type ModelShape } from '../core/model-shape.ts';
import { MemorylessExecutor } from './memoryless.ts';
import type { MicroBatch, RemoteAttention, Stage } from '../core/executor.ts';

/**
 * Roofline of one stage. Per layer, the slower of computing and of reading memory, plus a fixed launch cost:
 *
 *     compute = (2 * weights * tokens + 4 * heads * headDim * attentionPairs) / flopsPerSecond
 *     memory  = (weightBytes + kvBytesPerToken * contextTokens) / memoryBytesPerSecond
 *     stage   = stepOverhead + layers * (layerOverhead + max(compute, memory)) + output head on the last stage
 *
 * The products of a layer are counted with two operations per weight and token; attention with two products (scores and
 * values) of two operations per pair. The output head is a product over the entries of the batch, which reads its weights once.
 * Attention on KV that lies on another instance is left out of the stage and charged to that instance by itself, the slower of
 * computing and of reading; what it costs the network is the core's. Times in microseconds.
 */
export class RooflineModel {
  readonly #compute: ComputeProfile;
  readonly #layerWeights: number;
  readonly #layerBytes: number;
  readonly #pairFlops: number;
  readonly #kvTokenBytes: number;
  readonly #headWeights: number;
  readonly #headBytes: number;

  constructor(model: ModelShape, hardware: Hardware) {
    this.#compute = hardware.compute;
    this.#layerBytes = layerWeightBytes(model);
    this.#layerWeights = this.#layerBytes / model.bytesPerWeight;
    this.#pairFlops = 4 * model.numHeads * model.headDim;
    this.#kvTokenBytes = 2 * model.numKvHeads * model.headDim * model.bytesPerKvElement;
    this.#headWeights = model.vocabSize * model.hiddenSize;
    this.#headBytes = this.#headWeights * model.bytesPerWeight;
  }

  stageUs(batch: MicroBatch, stage: Stage): number {
    const { layerOverheadUs, stepOverheadUs } = this.#compute;
    let { attentionPairs, contextTokens } = batch;
    for (const { pairLayers, contextLayers } of batch.remote) {
      attentionPairs -= pairLayers / stage.layers.count;
      contextTokens -= contextLayers / stage.layers.count;
    }
    const flops = 2 * this.#layerWeights * batch.totalTokens + this.#pairFlops * attentionPairs;
    const bytes = this.#layerBytes + this.#kvTokenBytes * contextTokens;
    const layersUs = stage.layers.count * (layerOverheadUs + this.#slower(flops, bytes));
    const headUs = stage.isLast ? this.#slower(2 * this.#headWeights * batch.size, this.#headBytes) : 0;
    return Math.max(1, Math.round(stepOverheadUs + layersUs + headUs));
  }

  attentionUs({ pairLayers, contextLayers }: RemoteAttention): number {
    const elapsedUs = this.#slower(this.#pairFlops * pairLayers, this.#kvTokenBytes * contextLayers);
    return Math.max(1, Math.round(elapsedUs));
  }

  #slower(flops: number, bytes: number): number {
    const { flopsPerSecond, memoryBytesPerSecond } = this.#compute;
    return 1e6 * Math.max(flops / flopsPerSecond, bytes / memoryBytesPerSecond);
  }
}

/** Charges each stage what the cost model says; holds nothing. */
export class SimulatedExecutor extends MemorylessExecutor {
  readonly #roofline: RooflineModel;

  constructor(model: ModelShape, hardware: Hardware) {
    super();
    this.#roofline = new RooflineModel(model, hardware);
  }

  override runStage(batch: MicroBatch, stage: Stage): number {
    return this.#roofline.stageUs(batch, stage);
  }

  override attentionUs(_batch: MicroBatch, _stage: Stage, remote: RemoteAttention): number {
    return this.#roofline.attentionUs(remote);
  }
}
