import type { Effects } from '../state/effects.ts';
import type { KvLayout } from '../state/kv-layout.ts';

/** Unlimited-memory bound: every member gets half as many cells again, at least what is needed. */
export function growMemory(effects: Effects, layout: KvLayout, blocks: number): void {
  for (const { instance, layers } of layout.parts) {
    const needed = blocks * layers.count;
    instance.ledger.grow(Math.max(needed, Math.ceil(instance.ledger.totalCells / 2)));
    effects.executor.reshapeInstance(instance.id, instance.layers, instance.ledger.totalCells);
  }
}
