import type { GroupView } from '../../harness/policy/index.ts';

/** Counts all requests of a group, in whichever state: waiting, running, swapped or stalled. */
export function numRequestsOf({ waiting, running, swapped, stalled }: GroupView): number {
  return waiting.length + running.length + swapped.length + stalled.length;
}
