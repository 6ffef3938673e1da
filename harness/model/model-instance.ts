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
  /** Source of the initial weights. */
  readonly weights: WeightLoader;
  readonly blockSizeTokens: number;
  readonly layers: LayerRange;
  readonly numCells: number;
}

/** A ragged batch, the layers of it that a stage computes, and the input. */
export interface StageInput {
  readonly batch: readonly BatchEntry[];
  readonly layers: LayerRange;
  /**
   * The first stage takes the ids of the new tokens, entry by entry; later stages take the hidden state of
   * the stage before.
   */
  readonly input: { readonly tokens: Int32Array } | { readonly hidden: DeviceTensor };
  /** Times attention on KV of other instances; undefined if the batch has none. */
  readonly remoteClock?: RemoteClock | undefined;
}

/** The greedily chosen token of each requested row, and its logit. */
export interface Samples {
  readonly tokens: Int32Array;
  readonly logits: Float32Array;
}

/**
 * The part of a Llama-family decoder that one instance holds: resident weights, some layers, and its KV slab.
 * Hidden states between stages are `[tokens, hiddenSize]` in the order of the step plan, which depends on the
 * batch only.
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

  /** Bytes of all weight tensors held. */
  get weightBytes(): number {
    let bytes = weightBytes(this.#resident);
    for (const layer of this.#layers.values()) bytes += weightBytes(layer);
    return bytes;
  }

  /** Returns the weights of a layer that the instance holds. The instance keeps ownership of the tensors. */
  layerWeights(layer: number): LayerWeights {
    return must(this.#layers.get(layer), `weights of layer ${layer}`);
  }

  /**
   * Drops the layers outside the range and loads the missing ones inside it with `load`, whose tensors it
   * takes over.
   */
  holdLayers(range: LayerRange, load: (layer: number) => LayerWeights): void {
    const end = range.first + range.count;
    for (const layer of this.#layers.keys()) {
      if (layer < range.first || layer >= end) this.#dropLayer(layer);
    }
    for (let layer = range.first; layer < end; layer += 1) {
      if (!this.#layers.has(layer)) this.#layers.set(layer, load(layer));
    }
  }

  /** Takes KV cells for all tokens of a batch in these layers, on the instance where each entry's KV is. */
  reserveKv(batch: readonly BatchEntry[], layers: LayerRange): void {
    for (const range of rangesOfOneSlab(batch, layers)) {
      for (const entry of batch) {
        const kv = slabOf(entry, range.first, this.kv);
        kv.reserve(entry.requestId, range, entry.pastTokens + entry.numTokens);
      }
    }
  }

  /**
   * Runs the layers of a stage over a ragged batch of chunked prefill and decode, whose KV cells have been
   * reserved. Disposes a given hidden state; the caller must dispose the result.
   */
  runLayers({ batch, layers, input, remoteClock }: StageInput): DeviceTensor {
    let hidden = 'hidden' in input ? input.hidden : this.#embed(batch, input.tokens);
    for (const range of rangesOfOneSlab(batch, layers))
      hidden = this.#runRange(batch, range, { hidden, remoteClock });
    return hidden;
  }

  /**
   * Chooses the next token greedily after each of the given rows of a hidden state. Keeps the hidden state
   * and waits for the device.
   */
  sample(hidden: DeviceTensor, rows: Int32Array): Samples {
    const ops = this.#ops;
    const logits = this.logits(hidden, rows);
    const tokens = ops.rowArgMax(logits);
    const largest = ops.rowMax(logits);
    const samples = { tokens: ops.read(tokens) as Int32Array, logits: ops.read(largest) as Float32Array };
    ops.free(logits, tokens, largest);
    return samples;
  }

  /**
   * Computes logits, `[rows, vocabSize]`, for the given rows of a hidden state. The caller must dispose the
   * result.
   */
  logits(hidden: DeviceTensor, rows: Int32Array): DeviceTensor {
    const ops = this.#ops;
    const indices = ops.tensor(rows, [rows.length]);
    const chosen = ops.freeing(ops.gather(hidden, indices), indices);
    const normed = ops.freeing(rmsNorm(ops, chosen, this.#resident.finalNorm), chosen);
    return ops.freeing(ops.matMul(normed, this.#resident.head), normed);
  }

  /** Runs layers over which no entry's KV changes its slab. Disposes the input. */
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
