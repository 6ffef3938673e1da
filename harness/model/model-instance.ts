import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { assert, must } from '../base/assert.ts';
import type { LayerRange, ModelShape } from '../domain/model-shape.ts';
import { rmsNorm, runLayer } from './decoder-layer.ts';
import { PagedKv } from './paged-kv.ts';
import type { RemoteClock } from './remote-clock.ts';
import { RopeTable } from './rope.ts';
import { type BatchEntry, firstRows, rangesOfOneSlab, slabOf, StepPlan } from './step-plan.ts';
import type { TensorOps } from './tensor-ops.ts';
import {
  freeWeights,
  type LayerWeights,
  type ResidentWeights,
  weightBytes,
  type WeightLoader,
} from './weights.ts';

export interface ModelOptions {
  readonly shape: ModelShape;
  /** Where it gets its first weights. */
  readonly weights: WeightLoader;
  readonly blockSizeTokens: number;
  readonly layers: LayerRange;
  readonly numCells: number;
}

/** What a stage computes of a ragged batch, and from what. */
export interface StageInput {
  readonly batch: readonly BatchEntry[];
  readonly layers: LayerRange;
  /** Ids of the new tokens entry by entry, for the first stage; the hidden state that the stage before gave otherwise. */
  readonly input: { readonly tokens: Int32Array } | { readonly hidden: DeviceTensor };
  /** Times attention over KV of other instances, where there is such. */
  readonly remoteClock?: RemoteClock | undefined;
}

/** Greedy choice per row asked for: the token and its logit. */
export interface Samples {
  readonly tokens: Int32Array;
  readonly logits: Float32Array;
}

/**
 * The part of a Llama-family decoder that one instance holds: resident weights, some layers, and its KV slabs. Hidden
 * states between stages are `[tokens, hiddenSize]` in the step plan's order, which depends on the batch alone.
 */
export class ModelInstance {
  readonly shape: ModelShape;
  readonly kv: PagedKv;
  readonly #ops: TensorOps;
  readonly #rope: RopeTable;
  readonly #resident: ResidentWeights;
  readonly #layers = new Map<number, LayerWeights>();

  constructor(ops: TensorOps, options: ModelOptions) {
    const { shape, weights, blockSizeTokens, numCells } = options;
    this.shape = shape;
    this.#ops = ops;
    this.kv = new PagedKv(
      ops,
      { numKvHeads: shape.numKvHeads, headDim: shape.headDim, blockSizeTokens },
      numCells,
    );
    this.#rope = new RopeTable(ops, shape);
    this.#resident = weights.loadResident();
    this.holdLayers(options.layers, (layer) => weights.loadLayer(layer));
  }

  dispose(): void {
    for (const layer of this.#layers.keys()) this.#dropLayer(layer);
    freeWeights(this.#ops, this.#resident);
    this.#rope.dispose();
    this.kv.dispose();
  }

  /** Summed over the tensors held. */
  get weightBytes(): number {
    let bytes = weightBytes(this.#resident);
    for (const layer of this.#layers.values()) bytes += weightBytes(layer);
    return bytes;
  }

  /** Weights of a layer that it holds; they stay its own. */
  layerWeights(layer: number): LayerWeights {
    return must(this.#layers.get(layer), `weights of layer ${layer}`);
  }

  /** Drops what lies outside the range and takes what `load` gives for each layer that is missing inside. */
  holdLayers(range: LayerRange, load: (layer: number) => LayerWeights): void {
    const end = range.first + range.count;
    for (const layer of this.#layers.keys()) {
      if (layer < range.first || layer >= end) this.#dropLayer(layer);
    }
    for (let layer = range.first; layer < end; layer += 1) {
      if (!this.#layers.has(layer)) this.#layers.set(layer, load(layer));
    }
  }

  /** Takes KV cells for all tokens of a batch in these layers, each where the entry's KV lies. */
  reserveKv(batch: readonly BatchEntry[], layers: LayerRange): void {
    for (const range of rangesOfOneSlab(batch, layers)) {
      for (const entry of batch) {
        const kv = slabOf(entry, range.first, this.kv);
        kv.reserve(entry.requestId, range, entry.pastTokens + entry.numTokens);
      }
    }
  }

  /**
   * Runs the layers of a stage over a ragged batch of chunked prefill and decode, whose KV cells are reserved. Takes
   * over a given hidden state; the result is the caller's to dispose.
   */
  runLayers({ batch, layers, input, remoteClock }: StageInput): DeviceTensor {
    let hidden = 'hidden' in input ? input.hidden : this.#embed(batch, input.tokens);
    for (const range of rangesOfOneSlab(batch, layers))
      hidden = this.#runRange(batch, range, { hidden, remoteClock });
    return hidden;
  }

  /** Greedy tokens after the given rows of a hidden state, which stays. Waits for the device. */
  sample(hidden: DeviceTensor, rows: Int32Array): Samples {
    const ops = this.#ops;
    const logits = this.logits(hidden, rows);
    const tokens = ops.rowArgMax(logits);
    const largest = ops.rowMax(logits);
    const samples = { tokens: ops.read(tokens) as Int32Array, logits: ops.read(largest) as Float32Array };
    ops.free(logits, tokens, largest);
    return samples;
  }

  /** `[rows, vocabSize]`, the caller's to dispose. */
  logits(hidden: DeviceTensor, rows: Int32Array): DeviceTensor {
    const ops = this.#ops;
    const indices = ops.tensor(rows, [rows.length]);
    const chosen = ops.freeing(ops.gather(hidden, indices), indices);
    const normed = ops.freeing(rmsNorm(ops, chosen, this.#resident.finalNorm), chosen);
    return ops.freeing(ops.matMul(normed, this.#resident.head), normed);
  }

  /** The input is disposed. */
  #runRange(
    batch: readonly BatchEntry[],
    layers: LayerRange,
    { hidden: input, remoteClock }: { hidden: DeviceTensor; remoteClock: RemoteClock | undefined },
  ): DeviceTensor {
    const ops = this.#ops;
    const plan = new StepPlan(ops, batch, { kv: this.kv, layer: layers.first });
    const ropeFactors = this.#rope.factors(plan.positions());
    const context = { ops, shape: this.shape, plan, ropeFactors, remoteClock };
    let hidden = input;
    for (let layer = layers.first; layer < layers.first + layers.count; layer += 1) {
      hidden = runLayer(context, this.layerWeights(layer), layer, hidden);
    }
    ops.free(ropeFactors);
    plan.dispose();
    return hidden;
  }

  #dropLayer(layer: number): void {
    freeWeights(this.#ops, this.layerWeights(layer));
    this.#layers.delete(layer);
  }

  #embed(batch: readonly BatchEntry[], tokens: Int32Array): DeviceTensor {
    const totalTokens = batch.reduce((sum, { numTokens }) => sum + numTokens, 0);
    assert(
      tokens.length === totalTokens,
      'INV-tokens-given',
      () => `${tokens.length} token ids for ${totalTokens} new tokens`,
    );
    const rows = firstRows(batch);
    const laidOut = new Int32Array(totalTokens);
    let start = 0;
    for (const [index, { numTokens }] of batch.entries()) {
      laidOut.set(tokens.subarray(start, start + numTokens), rows[index]);
      start += numTokens;
    }
    const indices = this.#ops.tensor(laidOut, [laidOut.length]);
    return this.#ops.freeing(this.#ops.gather(this.#resident.embedding, indices), indices);
  }
}
