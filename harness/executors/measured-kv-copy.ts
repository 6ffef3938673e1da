import { assert } from '../base/assert.ts';
import type { LayerRange } from '../core/model-shape.ts';
import type { PagedKv } from '../model/paged-kv.ts';
import type { KvStore } from '../core/executor.ts';
import type { MeasuredInstance } from './measured.ts';

type Place = MeasuredInstance & { readonly tier: KvStore['tier'] };

export interface KvMove {
  readonly from: Place;
  readonly to: Place;
  readonly numTokens: number;
}

/** Really copies KV of the first `numTokens` tokens of some layers; cells at the target are taken as needed. */
export function copyKvPages(requestId: number, layers: LayerRange, move: KvMove): void {
  const { from, to, numTokens } = move;
  assert(
    from.model !== to.model || from.tier !== to.tier,
    'INV-copy-moves',
    () => `request ${requestId}: source and target of a KV copy are the same`,
  );
  if (to.tier === 'device') to.model.kv.reserve(requestId, layers, numTokens);
  for (let layer = layers.first; layer < layers.first + layers.count; layer += 1) {
    copyLayer(requestId, layer, move);
  }
}

function copyLayer(requestId: number, layer: number, { from, to, numTokens }: KvMove): void {
  const numBlocks = Math.ceil(numTokens / from.model.kv.shape.blockSizeTokens);
  const cellsAt = (kv: PagedKv): readonly number[] => {
    const cells = kv.table(requestId, layer).slice(0, numBlocks);
    assert(
      cells.length === numBlocks,
      'INV-copy-source',
      () => `request ${requestId}, layer ${layer}: ${cells.length} of ${numBlocks} blocks are there`,
    );
    return cells;
  };
  if (from.tier === 'device' && to.tier === 'device') {
    to.model.kv.copyCells(from.model.kv, cellsAt(from.model.kv), cellsAt(to.model.kv));
    return;
  }
  const pages =
    from.tier === 'device'
      ? from.model.kv.readCells(cellsAt(from.model.kv))
      : from.hostKv.get(requestId, layer).slice(0, numBlocks * from.model.kv.cellElements);
  if (to.tier === 'device') to.model.kv.writeCells(cellsAt(to.model.kv), pages);
  else to.hostKv.put(requestId, layer, pages);
}
