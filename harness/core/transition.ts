import type { Cluster } from './cluster.ts';
import type { InstanceGroup, Transition } from './group.ts';

/** No step of these groups starts any more; once the last of each has come back, `apply` changes them. */
export function beginTransition(cluster: Cluster, groups: readonly InstanceGroup[], apply: () => void): void {
  const transition = { groups, apply };
  for (const group of groups) group.transition = transition;
  for (const group of groups) cluster.wake(group);
}

export function applyWhenIdle(transition: Transition): void {
  if (!transition.groups.every((group) => group.isIdle)) return;
  for (const group of transition.groups) group.transition = undefined;
  transition.apply();
}

/** The groups go on as they are. */
export function cancelTransition(cluster: Cluster, { groups }: Transition): void {
  for (const group of groups) {
    group.transition = undefined;
    if (group.phase === 'merging') group.phase = 'serving';
    cluster.wake(group);
  }
}
