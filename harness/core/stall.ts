import type { Cluster } from './cluster.ts';
import type { InstanceGroup } from './group.ts';
import { type Request, requestStatus } from './request.ts';

/** The request waits, in no step, until its KV is where the group's layers are. */
export function stall(cluster: Cluster, group: InstanceGroup, request: Request): void {
  request.status = requestStatus.exchanging;
  request.stalledAtUs ??= cluster.nowUs;
  group.exchanging.push(request);
}

export function unstall(cluster: Cluster, request: Request): void {
  if (request.stalledAtUs === undefined) return;
  request.stalledUs += cluster.nowUs - request.stalledAtUs;
  request.stalledAtUs = undefined;
}
