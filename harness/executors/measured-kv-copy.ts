import { assert } from '../base/assert.ts';
import type { RequestId } from '../domain/ids.ts';
import type { LayerRange } from '../domain/model-shape.ts';
import type { PagedKv } from '../model/paged-kv.ts';
import type { KvStore } from '../core/executor.ts';
import type { ModelInstance } from '../model/model-instance.ts';
import type { HostKv } from './measured-host-kv.ts';

/** An emulated device: a model with its KV slab, and the host memory of the instance. */
export interface MeasuredInstance {
  readonly model: ModelInstance;
  readonly hostKv: HostKv;
}

type Place = MeasuredInstance & { readonly tier: KvStore['tier'] };

export interface KvMove {
  readonly from: Place;
  readonly to: Place;
  /**
   * Index of the first token to copy; it must be the first of a block. If the target is a device, the tokens
   * before it are there already.
   */
  readonly firstToken: number;
  readonly numTokens: number;
}

/**
 * Copies the KV of tokens `firstToken` to `numTokens` (exclusive) of some layers, in whole blocks, and takes
 * cells at the target as needed. Copies nothing if the range contains no block. Throws `InvariantError` if
 * source and target are the same, if the copy would leave a gap at the target, or if blocks are missing at
 * the source.
 */
export function copyKvPages(requestId: RequestId, layers: LayerRange, move: KvMove): void {
  const { from, to, firstToken, numTokens } = move;
  assert(
    from.model !== to.model || from.tier !== to.tier,
    'INV-copy-moves',
    () => `request ${requestId}: source and target of a KV copy are the same`,
  );
  if (to.tier === 'device') {
    assertIsContinued(requestId, layers, move);
    to.model.kv.reserve(requestId, layers, numTokens);
  } else {
    assert(firstToken === 0, 'INV-copy-whole', () => `request ${requestId}: host memory takes whole KV only`);
  }
  for (let layer = layers.first; layer < layers.first + layers.count; layer += 1) {
    copyLayer(requestId, layer, move);
  }
}

/** Asserts that a copy continues where the previous one ended: a gap would later be read as KV. */
function assertIsContinued(requestId: RequestId, layers: LayerRange, { to, firstToken }: KvMove): void {
  if (firstToken === 0) return;
  const { kv } = to.model;
  const firstBlock = firstToken / kv.shape.blockSizeTokens;
  for (let layer = layers.first; layer < layers.first + layers.count; layer += 1) {
    const numThere = kv.table(requestId, layer).length;
    assert(
      Number.isInteger(firstBlock) && numThere >= firstBlock,
      'INV-copy-continues',
      () => `request ${requestId}, layer ${layer}: from token ${firstToken}, ${numThere} blocks are there`,
    );
  }
}

function copyLayer(requestId: RequestId, layer: number, { from, to, firstToken, numTokens }: KvMove): void {
  const { blockSizeTokens } = from.model.kv.shape;
  const firstBlock = firstToken / blockSizeTokens;
  const endBlock = Math.ceil(numTokens / blockSizeTokens);
  if (endBlock <= firstBlock) return;
  const cellsAt = (kv: PagedKv): readonly number[] => {
    const table = kv.table(requestId, layer);
    assert(
      table.length >= endBlock,
      'INV-copy-source',
      () => `request ${requestId}, layer ${layer}: ${table.length} of ${endBlock} blocks are there`,
    );
    return table.slice(firstBlock, endBlock);
  };
  if (from.tier === 'device' && to.tier === 'device') {
    to.model.kv.copyCells(from.model.kv, cellsAt(from.model.kv), cellsAt(to.model.kv));
    return;
  }
  const { cellElements } = from.model.kv;
  const pages =
    from.tier === 'device'
      ? from.model.kv.readCells(cellsAt(from.model.kv))
      : from.hostKv.get(requestId, layer).slice(firstBlock * cellElements, endBlock * cellElements);
  if (to.tier === 'device') to.model.kv.writeCells(cellsAt(to.model.kv), pages);
  else to.hostKv.put(requestId, layer, pages);
}
