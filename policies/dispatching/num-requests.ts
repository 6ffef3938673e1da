import type { GroupView } from '../../harness/policy/index.ts';

/** All requests of a group, whether they wait, run, or have their KV elsewhere. */
export function numRequestsOf({ waiting, running, swapped, stalled }: GroupView): number {
  return waiting.length + running.length + swapped.length + stalled.length;
}
