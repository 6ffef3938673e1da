import { removeFrom } from '../../base/lists.ts';
import type { Effects } from '../state/effects.ts';
import type { InstanceGroup, Transition } from '../state/group.ts';

/** No step of these groups starts any more; once the last of each has come back, `apply` changes them. */
export function beginTransition(effects: Effects, groups: readonly InstanceGroup[], apply: () => void): void {
  const transition = { groups, apply };
  for (const group of groups) group.transitions.push(transition);
  for (const group of groups) effects.wake(group);
}

/**
 * Applies each transition whose groups are all idle. A retiring group may be in several; applying one can make another ready.
 */
export function applyReadyTransitions(group: InstanceGroup): void {
  for (const transition of group.transitions.slice()) {
    if (!transition.groups.every((each) => each.isIdle)) continue;
    leave(transition);
    transition.apply();
  }
}

/** The groups go on as they are. */
export function cancelTransition(effects: Effects, transition: Transition): void {
  leave(transition);
  for (const group of transition.groups) {
    if (group.phase === 'merging') group.phase = 'serving';
    effects.wake(group);
  }
}

function leave(transition: Transition): void {
  for (const group of transition.groups) removeFrom(group.transitions, transition);
}
