import type { ClusterView, GroupView } from '../../harness/policy/index.ts';

/** When memory counts as overloaded, as the authors' code has it; the paper gives no numbers. */
export interface OverloadRule {
  /** Share of a group's blocks in use from which it votes. */
  readonly overloadUsage: number;
  /** Share of the groups that must vote. */
  readonly quorum: number;
}

/** What a running request lacks, beside what queued ones do. */
export interface RunningNeed {
  readonly groupId: number;
  readonly blocks: number;
}

/**
 * A group's vote: nearly all of its blocks are in use, and its queue asks for what is left or more (KunServe, section 4.1).
 */
export function isOverloaded(
  group: GroupView,
  { overloadUsage }: OverloadRule,
  { blockSizeTokens }: ClusterView,
  need?: RunningNeed,
): boolean {
  const { freeBlocks, totalBlocks } = group;
  if (freeBlocks > (1 - overloadUsage) * totalBlocks) return false;
  // What a running request needs is what it lacks after everything free has been given to it.
  if (need?.groupId === group.id) return true;
  return unmetBlocks(group, blockSizeTokens, need) >= freeBlocks;
}

/** Blocks that a group's requests want and do not hold: of queued and preempted ones, and of those in host memory. */
export function unmetBlocks(group: GroupView, blockSizeTokens: number, need?: RunningNeed): number {
  let blocks = group.waitingBlocks + (need?.groupId === group.id ? need.blocks : 0);
  for (const request of group.swapped) {
    if (request.status.kind === 'swapped') blocks += Math.ceil(request.tokens / blockSizeTokens);
  }
  return blocks;
}

/** Groups whose memory is short. One that retires shares its members' memory with groups that vote; it does not, nor does one that is not yet there or about to go. */
export function overloadedGroups(
  view: ClusterView,
  rule: OverloadRule,
  need?: RunningNeed,
): readonly GroupView[] {
  return votingGroups(view).filter((group) => isOverloaded(group, rule, view, need));
}

/** Whether so many groups make the cluster overloaded: `quorum` of all, at least one. */
export function isQuorum(numVotes: number, view: ClusterView, { quorum }: OverloadRule): boolean {
  return numVotes >= Math.max(1, quorum * votingGroups(view).length);
}

/**
 * R of the drop plan: blocks that queued requests ask for, of groups where they do not fit, and of requests held at the
 * cluster. What is in use already is no part of it.
 */
export function demandBlocks(
  overloaded: readonly GroupView[],
  view: ClusterView,
  need?: RunningNeed,
): number {
  let blocks = 0;
  for (const group of overloaded) blocks += unmetBlocks(group, view.blockSizeTokens, need);
  for (const request of view.held) blocks += Math.ceil(request.tokens / view.blockSizeTokens);
  return blocks;
}

function votingGroups({ groups }: ClusterView): readonly GroupView[] {
  return groups.filter(({ phase }) => phase === 'serving' || phase === 'merging' || phase === 'restoring');
}
