import type { Hardware } from '../../domain/hardware.ts';
import { asInstanceId, type InstanceId } from '../../domain/ids.ts';
import { heldWeightBytes, type LayerRange, modelWeightBytes } from '../../domain/model-shape.ts';
import type { InstanceState } from '../../policy/views.ts';
import type { Cluster } from '../state/cluster.ts';
import type { InstanceGroup } from '../state/group.ts';
import { Instance } from '../state/instance.ts';
import { MemoryLedger } from '../state/ledger.ts';

/** A new instance begins with these. */
export interface InstanceInit {
  readonly id: InstanceId;
  readonly hardware: Hardware;
  readonly layers: LayerRange;
  readonly state: InstanceState;
}

/** Makes an instance that is in no group yet, and of which the executor knows nothing yet. */
export function addInstance(cluster: Cluster, init: InstanceInit): Instance {
  const { hardware, layers } = init;
  const { model, cellBytes, nowUs, topology } = cluster;
  const ledger = new MemoryLedger({
    budgetBytes: hardware.memoryBytes,
    weightBytes: heldWeightBytes(model, layers.count),
    reserveBytes: hardware.reserveBytes,
    cellBytes,
  });
  const instance = new Instance({ ...init, ledger, nowUs });
  topology.addInstance(instance);
  return instance;
}

/** Makes an instance without weights and without a device yet, alone in a group that is loading. */
export function addComingInstance(cluster: Cluster, role: string): InstanceGroup {
  const { model, supply, topology, allLayers } = cluster;
  const instance = addInstance(cluster, {
    id: asInstanceId(topology.instances.length),
    hardware: supply.hardware,
    layers: { first: 0, count: 0 },
    state: 'provisioning',
  });
  instance.role = role;
  instance.ledger.expectWeights(modelWeightBytes(model) - instance.weightBytes);
  return topology.addGroup([{ instance, layers: allLayers }], 'loading');
}
