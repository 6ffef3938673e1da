import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { assert, must } from '../base/assert.ts';
import type { LayerRange, ModelShape } from '../core/model-shape.ts';
import { rmsNorm, runLayer } from './decoder-layer.ts';
import { PagedKv } from './paged-kv.ts';
import { RopeTable } from './rope.ts';
import { type BatchEntry, firstRows, StepPlan } from './step-plan.ts';
import type { TensorOps } from './tensor-ops.ts';
import {
  freeWeights,
  type LayerWeights,
  loadLayerWeights,
  loadResidentWeights,
  type ResidentWeights,
  weightBytes,
} from './weights.ts';

export interface ModelOptions {
  readonly shape: ModelShape;
  readonly seed: number;
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
  readonly #seed: number;
  readonly #rope: RopeTable;
  readonly #resident: ResidentWeights;
  readonly #layers = new Map<number, LayerWeights>();

  constructor(ops: TensorOps, options: ModelOptions) {
    const { shape, blockSizeTokens, numCells } = options;
    this.shape = shape;
    this.#ops = ops;
    this.#seed = options.seed;
    this.kv = new PagedKv(
      ops,
      { numKvHeads: shape.numKvHeads, headDim: shape.headDim, blockSizeTokens },
      numCells,
    );
    this.#rope = new RopeTable(ops, shape);
    this.#resident = loadResidentWeights(ops, shape, options.seed);
    this.holdLayers(options.layers);
  }

  dispose(): void {
    for (const layer of this.#layers.keys()) this.disposeLayer(layer);
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

  loadLayer(layer: number): void {
    if (this.#layers.has(layer)) return;
    this.#layers.set(layer, loadLayerWeights(this.#ops, this.shape, this.#seed, layer));
  }

  disposeLayer(layer: number): void {
    const weights = this.#layers.get(layer);
    if (weights === undefined) return;
    freeWeights(this.#ops, weights);
    this.#layers.delete(layer);
  }

  /** Drops what lies outside the range and loads what is missing inside. */
  holdLayers(range: LayerRange): void {
    const end = range.first + range.count;
    for (const layer of this.#layers.keys()) {
      if (layer < range.first || layer >= end) this.disposeLayer(layer);
    }
    for (let layer = range.first; layer < end; layer += 1) this.loadLayer(layer);
  }

  /**
   * Runs the layers of a stage over a ragged batch of chunked prefill and decode, whose KV cells are reserved. Takes
   * over a given hidden state; the result is the caller's to dispose.
   */
  runLayers(stage: StageInput): DeviceTensor {
    const ops = this.#ops;
    const plan = new StepPlan(ops, stage.batch, this.kv);
    const ropeFactors = this.#rope.factors(plan.positions());
    const context = { ops, shape: this.shape, plan, kv: this.kv, ropeFactors };
    let hidden =
      'hidden' in stage.input ? stage.input.hidden : this.#embed(plan, stage.batch, stage.input.tokens);
    for (let layer = stage.layers.first; layer < stage.layers.first + stage.layers.count; layer += 1) {
      hidden = runLayer(context, must(this.#layers.get(layer), `weights of layer ${layer}`), layer, hidden);
    }
    ops.free(ropeFactors);
    plan.dispose();
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

  /** Waits until the device has computed the hidden state. */
  waitFor(hidden: DeviceTensor): void {
    const first = this.#ops.sliceRows(hidden, 0, 1);
    this.#ops.read(first);
    this.#ops.free(first);
  }

  #embed(plan: StepPlan, batch: readonly BatchEntry[], tokens: Int32Array): DeviceTensor {
    assert(
      tokens.length === plan.totalTokens,
      'INV-tokens-given',
      () => `${tokens.length} token ids for ${plan.totalTokens} new tokens`,
    );
    const rows = firstRows(batch);
    const laidOut = new Int32Array(plan.totalTokens);
    let start = 0;
    for (const [index, { numTokens }] of batch.entries()) {
      laidOut.set(tokens.subarray(start, start + numTokens), rows[index]);
      start += numTokens;
    }
    const indices = this.#ops.tensor(laidOut, [laidOut.length]);
    return this.#ops.freeing(this.#ops.gather(this.#resident.embedding, indices), indices);
  }
}
