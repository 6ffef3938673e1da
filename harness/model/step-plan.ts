import type { DeviceTensor } from '../backend/tensorflow-backend.ts';
import { must } from '../base/assert.ts';
import { holdsLayer, type LayerRange } from '../domain/model-shape.ts';
import type { PagedKv } from './paged-kv.ts';
import type { TensorOps } from './tensor-ops.ts';
import {
  attentionGroups,
  byLayout,
  contextBlocksOf,
  contextBlocksOfGroup,
  type Span,
} from './attention-groups.ts';

/** One request's part of a ragged batch: `numTokens` new tokens after `pastTokens` whose KV exists. */
export interface BatchEntry extends Span {
  /**
   * The slabs that hold the entry's KV if it is on other instances (remote attention); undefined if it is all
   * on the instance that computes.
   */
  readonly placedKv?: PlacedKv | undefined;
}

/** The slab that holds each range of layers. Entries with the same placement share the array. */
export type PlacedKv = readonly { readonly kv: PagedKv; readonly layers: LayerRange }[];

/**
 * A run of rows whose KV is in one slab. All rows of a batch form one run unless some entries attend
 * remotely.
 */
export interface SlabRows {
  readonly kv: PagedKv;
  readonly firstRow: number;
  readonly numTokens: number;
  readonly entries: readonly BatchEntry[];
}

/**
 * Pieces of entries whose attention is one product: all have the same number of new tokens, and their
 * contexts are padded to `numBlocks`.
 */
export interface AttentionGroup {
  readonly kv: PagedKv;
  /** Row of the group's first token in the step's `[totalTokens, ...]` tensors. */
  readonly firstRow: number;
  readonly pieces: readonly Span[];
  /** Number of new tokens of each piece. */
  readonly numTokens: number;
  readonly numBlocks: number;
  /**
   * 0 where a token may attend and a large negative number elsewhere, `[pieces, 1, 1, numTokens,
   * contextTokens]`.
   */
  readonly mask: DeviceTensor;
}

/** Far below any score, but finite, so that no NaN arises. */
const maskedScore = -1e30;

/**
 * The order and the grouping of a ragged batch for layers over which no entry's KV changes its slab (see
 * `rangesOfOneSlab`). Tokens are laid out in the order of `entries`, so that every group is a run of rows in
 * one slab.
 */
export class StepPlan {
  /** The batch in layout order. */
  readonly entries: readonly BatchEntry[];
  readonly slabs: readonly SlabRows[];
  readonly groups: readonly AttentionGroup[];
  readonly totalTokens: number;
  readonly #ops: TensorOps;

  /** `kv` is the slab of entries without a placement; `layer` is any of the layers that the plan is for. */
  constructor(ops: TensorOps, batch: readonly BatchEntry[], { kv, layer }: { kv: PagedKv; layer: number }) {
    const { blockSizeTokens } = kv.shape;
    this.#ops = ops;
    this.entries = layoutOrder(batch).map((index) => must(batch[index], 'batch entry'));
    this.slabs = slabRows(this.entries, (entry) => slabOf(entry, layer, kv));
    const groups: AttentionGroup[] = [];
    let firstRow = 0;
    for (const slab of this.slabs) {
      for (const pieces of attentionGroups(slab.entries, slab.kv.shape)) {
        const group = describeGroup(ops, pieces, { firstRow, blockSizeTokens, kv: slab.kv });
        groups.push(group);
        firstRow += pieces.length * group.numTokens;
      }
    }
    this.groups = groups;
    this.totalTokens = firstRow;
  }

  dispose(): void {
    for (const group of this.groups) this.#ops.free(group.mask);
  }

  /** Returns the position of every token in its sequence, in layout order. */
  positions(): Int32Array {
    const positions = new Int32Array(this.totalTokens);
    let row = 0;
    for (const { numTokens, pastTokens } of this.entries) {
      for (let token = 0; token < numTokens; token += 1) positions[row++] = pastTokens + token;
    }
    return positions;
  }

  /**
   * Returns the rows of the slab to which K, then V, of each new token of one layer are written, `[numTokens
   * * 2 * numKvHeads]`.
   */
  writeRows({ kv, numTokens: numRows, entries }: SlabRows, layer: number): DeviceTensor {
    const { numKvHeads, blockSizeTokens } = kv.shape;
    const headStride = kv.totalCells * blockSizeTokens;
    const rows = new Int32Array(numRows * 2 * numKvHeads);
    let index = 0;
    for (const { requestId, numTokens, pastTokens } of entries) {
      const table = kv.table(requestId, layer);
      for (let position = pastTokens; position < pastTokens + numTokens; position += 1) {
        const cell = table[Math.floor(position / blockSizeTokens)] as number;
        const row = cell * blockSizeTokens + (position % blockSizeTokens);
        for (let head = 0; head < 2 * numKvHeads; head += 1) rows[index++] = head * headStride + row;
      }
    }
    return this.#ops.tensor(rows, [rows.length]);
  }

  /**
   * Returns the head blocks of K and of V in the contexts of a group, `[pieces, numKvHeads, numBlocks]` each.
   * Padding repeats the last block.
   */
  contextBlocks(layer: number, group: AttentionGroup): { keys: DeviceTensor; values: DeviceTensor } {
    const { kv, pieces, numBlocks } = group;
    const { numKvHeads, blockSizeTokens } = kv.shape;
    const { totalCells } = kv;
    const shape = [pieces.length, numKvHeads, numBlocks];
    const keys = new Int32Array(pieces.length * numKvHeads * numBlocks);
    const values = new Int32Array(keys.length);
    for (const [index, piece] of pieces.entries()) {
      const table = kv.table(piece.requestId, layer);
      const lastBlock = contextBlocksOf(piece, blockSizeTokens) - 1;
      for (let block = 0; block < numBlocks; block += 1) {
        const cell = table[block < lastBlock ? block : lastBlock] as number;
        let position = index * numKvHeads * numBlocks + block;
        for (let head = 0; head < numKvHeads; head += 1, position += numBlocks) {
          keys[position] = head * totalCells + cell;
          values[position] = (numKvHeads + head) * totalCells + cell;
        }
      }
    }
    return { keys: this.#ops.tensor(keys, shape), values: this.#ops.tensor(values, shape) };
  }
}

/**
 * Returns the slab that holds the KV of one layer of an entry; `local` is the slab of the instance that
 * computes.
 */
export function slabOf({ requestId, placedKv }: BatchEntry, layer: number, local: PagedKv): PagedKv {
  if (placedKv === undefined) return local;
  const part = placedKv.find(({ layers }) => holdsLayer(layers, layer));
  return must(part, `the place of KV of request ${requestId}, layer ${layer},`).kv;
}

/**
 * Divides layers into ranges over which no entry's KV changes its slab: a single range unless some entries
 * attend remotely.
 */
export function rangesOfOneSlab(batch: readonly BatchEntry[], { first, count }: LayerRange): LayerRange[] {
  const end = first + count;
  const cuts = new Set([first]);
  for (const { placedKv = [] } of batch) {
    for (const { layers } of placedKv) {
      for (const cut of [layers.first, layers.first + layers.count])
        if (cut > first && cut < end) cuts.add(cut);
    }
  }
  const firsts = [...cuts].toSorted((a, b) => a - b);
  return firsts.map((start, index) => ({ first: start, count: (firsts[index + 1] ?? end) - start }));
}

/**
 * Returns the row of the first new token of each entry, in the order of `batch`. The layout depends on the
 * batch only, so a hidden state can pass from stage to stage unchanged.
 */
export function firstRows(batch: readonly BatchEntry[]): Int32Array {
  const rows = new Int32Array(batch.length);
  let row = 0;
  for (const index of layoutOrder(batch)) {
    rows[index] = row;
    row += (batch[index] as BatchEntry).numTokens;
  }
  return rows;
}

/**
 * Returns the indices of the entries in layout order: most new tokens first (prefill chunks), then grouped by
 * placement, then longest context first; ties keep the given order. It is the same on every stage of a
 * pipeline.
 */
function layoutOrder(batch: readonly BatchEntry[]): number[] {
  const tokensOf = (index: number): number => (batch[index] as BatchEntry).numTokens;
  const places = [...new Set(batch.map(({ placedKv }) => placedKv))];
  const placeOf = (index: number): number => places.indexOf(batch[index]?.placedKv);
  return batch
    .map((_, index) => index)
    .toSorted(
      (a, b) =>
        tokensOf(b) - tokensOf(a) ||
        placeOf(a) - placeOf(b) ||
        byLayout(batch[a] as BatchEntry, batch[b] as BatchEntry) ||
        a - b,
    );
}

/** Divides the layout into runs of rows in the same slab. */
function slabRows(entries: readonly BatchEntry[], slabOfEntry: (entry: BatchEntry) => PagedKv): SlabRows[] {
  const slabs: (SlabRows & { numTokens: number; entries: BatchEntry[] })[] = [];
  let row = 0;
  for (const entry of entries) {
    const kv = slabOfEntry(entry);
    let last = slabs.at(-1);
    if (last?.kv !== kv) slabs.push((last = { kv, firstRow: row, numTokens: 0, entries: [] }));
    last.entries.push(entry);
    last.numTokens += entry.numTokens;
    row += entry.numTokens;
  }
  return slabs;
}

function describeGroup(
  ops: TensorOps,
  pieces: readonly Span[],
  at: { firstRow: number; blockSizeTokens: number; kv: PagedKv },
): AttentionGroup {
  const { numTokens } = must(pieces[0], 'first piece');
  const numBlocks = contextBlocksOfGroup(pieces, at.blockSizeTokens);
  const contextTokens = numBlocks * at.blockSizeTokens;
  const mask = new Float32Array(pieces.length * numTokens * contextTokens);
  let row = 0;
  for (const { pastTokens } of pieces) {
    for (let token = 0; token < numTokens; token += 1) {
      mask.fill(maskedScore, row + pastTokens + token + 1, row + contextTokens);
      row += contextTokens;
    }
  }
  const shape = [pieces.length, 1, 1, numTokens, contextTokens];
  return { kv: at.kv, firstRow: at.firstRow, pieces, numTokens, numBlocks, mask: ops.tensor(mask, shape) };
}
