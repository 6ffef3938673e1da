import type { Cluster } from '../state/cluster.ts';
import type { RequestStatus } from '../../policy/views.ts';
import type { InstanceGroup } from '../state/group.ts';
import { type Request, requestStatus, runningStatus } from '../state/request.ts';

/** It has its place again, or waits for something else: the time for which it had lost it ends. */
export function endPreemption(request: Request, nowUs: number): void {
  if (request.preemptedAtUs === undefined) return;
  request.preemptedUs += nowUs - request.preemptedAtUs;
  request.preemptedAtUs = undefined;
}

/** The request waits, in no step, until its KV is where the group's layers are. */
export function stall(
  cluster: Cluster,
  group: InstanceGroup,
  request: Request,
  status: RequestStatus = requestStatus.exchanging,
): void {
  request.status = status;
  request.stalledAtUs ??= cluster.nowUs;
  // From here on it waits for its KV to move, no longer for having been given up: the two times do not overlap.
  endPreemption(request, cluster.nowUs);
  group.exchanging.push(request);
}

/** Whether the request's KV is where the group's layers are. */
export function isInPlace(group: InstanceGroup, request: Request): boolean {
  if (request.layout?.matches(group.layout) !== true) return false;
  request.layout = group.layout;
  return true;
}

/** It takes part in steps from now on. */
export function resume(cluster: Cluster, group: InstanceGroup, request: Request): void {
  unstall(cluster, request);
  request.status = runningStatus(request);
  group.running.push(request);
}

export function unstall(cluster: Cluster, request: Request): void {
  if (request.stalledAtUs === undefined) return;
  request.stalledUs += cluster.nowUs - request.stalledAtUs;
  request.stalledAtUs = undefined;
}
