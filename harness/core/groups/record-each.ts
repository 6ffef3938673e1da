import type { ClusterEventKind } from '../observer.ts';
import type { Effects } from '../state/effects.ts';
import type { InstanceGroup } from '../state/group.ts';

/** Records the event once for each member of the group. */
export function recordEach(
  effects: Effects,
  group: InstanceGroup,
  kind: ClusterEventKind,
  detail: string,
): void {
  for (const { instanceId } of group.pipeline)
    effects.recordEvent(kind, { instanceId, groupId: group.id, detail });
}
