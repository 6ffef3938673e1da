import { assert } from '../../base/assert.ts';
import { heldWeightBytes, type LayerRange } from '../../domain/model-shape.ts';
import type { WeightSource } from '../executor.ts';
import type { Cluster } from '../state/cluster.ts';
import type { Instance } from '../state/instance.ts';

/**
 * The instance holds these layers from now on, no others; cells and tensors follow, and are compared. Says how many
 * bytes of weights came or went, by plan and by the tensors that there are.
 */
export function reshape(
  { model, effects: { executor } }: Cluster,
  instance: Instance,
  layers: LayerRange,
  sources: readonly WeightSource[] = [],
): string {
  const { id, ledger } = instance;
  const before = { planned: ledger.weightBytes, held: executor.audit(id)?.weightBytes };
  instance.layers = layers;
  ledger.holdWeights(heldWeightBytes(model, layers.count));
  executor.reshapeInstance(id, layers, ledger.totalCells, sources);
  const held = executor.audit(id)?.weightBytes;
  assert(held === undefined || held === ledger.weightBytes, 'INV-backend', () => {
    return `instance ${id} holds ${held} B of weights; the plan says ${ledger.weightBytes}`;
  });
  const planned = `${Math.abs(ledger.weightBytes - before.planned)} B by plan`;
  const measured =
    held === undefined || before.held === undefined ? '' : `, ${Math.abs(held - before.held)} B of tensors`;
  const last = layers.first + layers.count - 1;
  return `${planned}${measured}; holds layers ${layers.first} to ${last}, ${ledger.totalCells} KV cells`;
}
