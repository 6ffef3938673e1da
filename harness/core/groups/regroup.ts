import type { KvTransition } from '../../policy/decisions.ts';
import { isInPlace, resumeInPlace } from '../kv/stall.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';
import { isRunning, isStalled } from '../state/request-state.ts';

/** Returns all requests of the group: waiting, running, stalled and swapped ones, each queue in its order. */
export function requestsOf(group: InstanceGroup): Request[] {
  return [...group.waiting, ...group.running, ...group.stalled, ...group.swapped];
}

/**
 * Makes a request of a group that is gone the new group's. Its running or stalled KV follows the layers as `transition` says, unless it is
 * where they are.
 */
export function regroup(group: InstanceGroup, request: Request, transition: KvTransition): void {
  if (isRunning(request.state) || isStalled(request.state)) {
    // Its KV is where the group's layers are, or may stay elsewhere; otherwise it has to follow.
    if (isInPlace(group, request)) resumeInPlace(group, request);
    else if (transition.kind === 'remote-attention') request.resume(group);
    else request.stall(group);
  } else request.moveTo(group);
}
