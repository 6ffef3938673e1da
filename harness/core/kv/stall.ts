import type { InstanceGroup } from '../state/group.ts';
import type { Request } from '../state/request.ts';

/** Whether the request's KV is where the group's layers are. */
export function isInPlace({ layout }: InstanceGroup, request: Request): boolean {
  return request.layout?.matches(layout) === true;
}

/** Lets a request whose KV is where the group's layers are take part in the group's steps. */
export function resumeInPlace(group: InstanceGroup, request: Request): void {
  request.layout = group.layout;
  request.resume(group);
}
