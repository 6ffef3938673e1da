import type { ClusterView, GroupId, GroupView } from '../../harness/policy/index.ts';

/**
 * Thresholds from which memory counts as overloaded. They are those of the authors' code; the paper gives no
 * numbers.
 */
export interface OverloadRule {
  /** Share of a group's blocks in use from which the group votes for overload. */
  readonly overloadUsage: number;
  /** Share of the groups that must vote for overload. */
  readonly quorum: number;
}

/** The blocks that a running request of a group lacks, in addition to what queued requests need. */
export interface RunningNeed {
  readonly groupId: GroupId;
  readonly blocks: number;
}

/**
 * Tells whether a group votes for overload: nearly all of its blocks are in use, and its queue needs at least
 * the rest (KunServe, section 4.1).
 */
export function isOverloaded(
  group: GroupView,
  { overloadUsage }: OverloadRule,
  { blockSizeTokens }: ClusterView,
  need?: RunningNeed,
): boolean {
  const { freeBlocks, totalBlocks } = group;
  if (freeBlocks > (1 - overloadUsage) * totalBlocks) return false;
  // A running request lacks blocks only once every free block has been given out.
  if (need?.groupId === group.id) return true;
  return unmetBlocks(group, blockSizeTokens, need) >= freeBlocks;
}

/**
 * Returns the blocks that a group's requests need and do not hold: queued, preempted and swapped requests,
 * and the running one in `need`.
 */
export function unmetBlocks(group: GroupView, blockSizeTokens: number, need?: RunningNeed): number {
  let blocks = group.waitingBlocks + (need?.groupId === group.id ? need.blocks : 0);
  for (const request of group.swapped) {
    if (request.status.kind === 'swapped') blocks += Math.ceil(request.tokens / blockSizeTokens);
  }
  return blocks;
}

/**
 * Returns the groups that vote for overload. Groups that are retiring, loading or draining do not vote; a
 * retiring group shares its members' memory with groups that do.
 */
export function overloadedGroups(
  view: ClusterView,
  rule: OverloadRule,
  need?: RunningNeed,
): readonly GroupView[] {
  return votingGroups(view).filter((group) => isOverloaded(group, rule, view, need));
}

/**
 * Tells whether that many votes make the cluster overloaded: at least `quorum` of the voting groups, and at
 * least one.
 */
export function isQuorum(numVotes: number, view: ClusterView, { quorum }: OverloadRule): boolean {
  return numVotes >= Math.max(1, quorum * votingGroups(view).length);
}

/**
 * The demand R of the drop plan, in blocks: what queued requests of the overloaded groups and requests held
 * at the cluster need. Blocks already in use do not count.
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
