import type { Effects } from '../state/effects.ts';
import type { KvLayout } from '../state/kv-layout.ts';

/** Gives every member half as many cells again, and at least what `blocks` need: the unlimited-memory bound. */
export function growMemory(effects: Effects, layout: KvLayout, blocks: number): void {
  for (const { instance, layers } of layout.parts) {
    const needed = blocks * layers.count;
    instance.ledger.grow(Math.max(needed, Math.ceil(instance.ledger.totalCells / 2)));
    effects.executor.reshapeInstance(instance.id, instance.layers, instance.ledger.totalCells);
  }
}
