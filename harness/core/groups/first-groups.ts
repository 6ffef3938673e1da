import { PolicyError } from '../../base/errors.ts';
import { asInstanceId, type InstanceId } from '../../domain/ids.ts';
import type { LayerRange } from '../../domain/model-shape.ts';
import type { Cluster, ClusterOptions } from '../state/cluster.ts';
import type { Instance } from '../state/instance.ts';
import { addInstance } from './add-instance.ts';
import { splitLayers } from './layer-split.ts';

/** These decide how many instances there are at the start, and which serve together. */
type StartOptions = Pick<
  ClusterOptions,
  'numInstances' | 'maxInstances' | 'stagesPerGroup' | 'stack' | 'model'
>;

/** Makes the instances and groups that serve from the first moment on. */
export function startFirstGroups(cluster: Cluster, options: StartOptions): void {
  for (const ids of firstGroups(options)) startGroup(cluster, ids);
}

function startGroup(cluster: Cluster, ids: readonly InstanceId[]): void {
  const ranges = splitLayers(cluster.model.numLayers, ids.length);
  const parts = ids.map((id, index) => {
    const layers = ranges[index] as LayerRange;
    return { instance: startInstance(cluster, id, layers), layers };
  });
  const group = cluster.topology.addGroup(parts, 'serving');
  for (const { instance, layers } of parts) {
    const detail = `layers ${layers.first} to ${layers.first + layers.count - 1}, ${instance.totalCells} KV cells`;
    cluster.effects.recordEvent('instanceReady', { instanceId: instance.id, groupId: group.id, detail });
  }
}

function startInstance(cluster: Cluster, id: InstanceId, layers: LayerRange): Instance {
  const { hardware } = cluster.supply;
  const instance = addInstance(cluster, { id, hardware, layers, state: 'ready' });
  cluster.effects.executor.startInstance(id, layers, instance.totalCells, instance.hardware);
  return instance;
}

/** Instance ids of each group at the start, as a policy of the stack says, else as the configuration does. */
function firstGroups(options: StartOptions): readonly (readonly InstanceId[])[] {
  const { stagesPerGroup, stack, model } = options;
  const numInstances = firstInstances(options);
  const ids = Array.from({ length: numInstances }, (_, id) => asInstanceId(id));
  const answer = stack.initialGroups(ids);
  if (answer === undefined) {
    const starts = ids.filter((id) => id % stagesPerGroup === 0);
    return starts.map((start) => ids.slice(start, start + stagesPerGroup));
  }
  const named = answer.value.flat().toSorted((a, b) => a - b);
  const isWhole = named.length === numInstances && named.every((id, index) => id === index);
  if (isWhole && answer.value.every(({ length }) => length >= 1 && length <= model.numLayers)) {
    return answer.value;
  }
  const expected = `each of ${numInstances} instances once, at most ${model.numLayers} a group`;
  throw new PolicyError(
    answer.policy,
    'initialGroups',
    `expected ${expected}, got ${JSON.stringify(answer.value)}`,
  );
}

/** How many there are at the start, as a policy of the stack says, else as the configuration does. */
function firstInstances({ numInstances, maxInstances, stagesPerGroup, stack }: StartOptions): number {
  const answer = stack.initialInstances(numInstances, maxInstances);
  if (answer === undefined) return numInstances;
  const { policy, value } = answer;
  if (value >= 1 && value <= maxInstances && value % stagesPerGroup === 0) return value;
  const multiple = stagesPerGroup === 1 ? '' : `, a multiple of ${stagesPerGroup}`;
  throw new PolicyError(
    policy,
    'initialInstances',
    `expected 1 to ${maxInstances} instances${multiple}, got ${value}`,
  );
}
