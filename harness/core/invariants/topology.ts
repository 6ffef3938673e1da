import type { ModelShape } from '../../domain/model-shape.ts';
import type { InstanceId } from '../../domain/ids.ts';
import { assert } from '../../base/assert.ts';
import type { Cluster } from '../state/cluster.ts';
import type { KvLayout } from '../state/kv-layout.ts';
import type { OpenRequests } from '../state/open-requests.ts';
import type { Topology } from '../state/topology.ts';
import type { InstanceGroup } from '../state/group.ts';

/** INV-layers: a group holds every layer exactly once, in stage order, and its members have the weights, or load them. */
export function checkLayers(model: ModelShape, group: InstanceGroup): void {
  let next = 0;
  for (const { member, layers } of group.pipeline) {
    const isHeld = member.holds(layers.first) && member.holds(layers.first + layers.count - 1);
    assert(
      layers.first === next && layers.count > 0 && (isHeld || group.phase === 'loading'),
      'INV-layers',
      () => `group ${group.id} breaks at layer ${next}`,
    );
    next += layers.count;
  }
  const { numLayers } = model;
  assert(next === numLayers, 'INV-layers', () => `group ${group.id} holds ${next} of ${numLayers} layers`);
}

/**
 * INV-members: an instance that has not failed and was not released serves in one group, and beside it only in groups that
 * retire; one that is ready or drains stands in a group that does likewise; nobody has KV on one without a device.
 */
export function checkMembers(topology: Topology): void {
  for (const instance of topology.instances) {
    const { id, state, isGone } = instance;
    const groups = topology.groupsOn(instance);
    const serving = topology.servingGroupOn(instance);
    const numServing = groups.filter(({ phase }) => phase !== 'retiring').length;
    assert(numServing === (isGone ? 0 : 1), 'INV-members', () => `instance ${id} is in ${numServing} groups`);
    assert(
      groups.every((group) => topology.group(group.id) === group),
      'INV-members',
      () => `instance ${id} is in a group that is gone`,
    );
    const isOpen = serving !== undefined && serving.phase !== 'loading';
    assert(
      isOpen === (state === 'ready' || state === 'draining') &&
        (state === 'draining') === (serving?.phase === 'draining'),
      'INV-members',
      () => `instance ${id} is ${state}, its group ${serving?.phase ?? 'gone'}`,
    );
  }
}

/** INV-members: nobody's KV is on, beside or on its way to an instance without a device. */
export function checkKvOnDevices(requests: OpenRequests): void {
  for (const { id, layout, hostLayout, kvMove } of requests.live.values()) {
    const lost = lostInstance(layout) ?? lostInstance(hostLayout) ?? lostInstance(kvMove?.layout);
    assert(
      lost === undefined,
      'INV-members',
      () => `request ${id} has KV on instance ${lost}, which is not there`,
    );
  }
}

function lostInstance(place: KvLayout | undefined): InstanceId | undefined {
  return place?.parts.find(({ instance }) => !instance.hasDevice)?.instance.id;
}

/** INV-transition: no change of groups waits that could happen; a wake that is planned for this time may still bring it. */
export function checkTransitions({ topology }: Cluster): void {
  for (const { id, transitions } of topology.groups) {
    for (const { groups: concerned } of transitions) {
      assert(
        concerned.some((group) => !group.isIdle || group.isWakePlanned),
        'INV-transition',
        () => `group ${id} waits for a change that nothing stands in the way of`,
      );
    }
  }
}
