import type { Hardware } from '../../harness/policy/index.ts';

/** A group that may be merged: together its instances hold one copy of the model. */
export interface Candidate {
  readonly groupId: number;
  /** What its instances run on. */
  readonly members: readonly Hardware[];
  /** Whether its memory is short: the plan is for those groups' demand. */
  readonly isOverloaded: boolean;
  /** KV blocks that its queued requests lack. */
  readonly unmetBlocks: number;
}

/** Groups that are to become one. */
type MergedSet = Omit<Candidate, 'groupId'> & { readonly groupIds: readonly number[] };

/** What a drop plan is for, and what bounds it. */
interface DropLimits {
  readonly neededBytes: number;
  readonly copyBytes: number;
  readonly maxStages: number;
  /** KV blocks of a pipeline of these instances. */
  readonly pipelineBlocks: (members: readonly Hardware[]) => number;
}

/**
 * KunServe's drop plan (section 4.1, Figure 6): merges the two smallest groups until enough is freed, so that pipelines
 * stay as short as can be. The result lists the groups of each set that becomes one; groups that stay are not in it.
 *
 * The layers that two groups hold both are all of them, since each holds one copy of the model (the core's INV-layers): a
 * merge frees one copy, `copyBytes`. The paper keeps the groups in a heap; a sorted list of so few does the same. Among
 * groups of one size, about which it says nothing, those whose memory is short come first, then those with the most unmet
 * demand, since what is freed is theirs: queued requests stay where they are. Fewer sets than needed come back when there is nothing left to merge within `maxStages`, or when a longer pipeline
 * would hold no more: layers that cannot be divided evenly leave memory that no block can use.
 */
export function planDrop(
  candidates: readonly Candidate[],
  { neededBytes, copyBytes, maxStages, pipelineBlocks }: DropLimits,
): readonly (readonly number[])[] {
  let sets: readonly MergedSet[] = candidates
    .map(({ groupId, ...candidate }) => ({ groupIds: [groupId], ...candidate }))
    .toSorted(bySize);
  for (let freedBytes = 0; freedBytes < neededBytes; freedBytes += copyBytes) {
    const [a, b, ...others] = sets;
    if (a === undefined || b === undefined) break;
    const merged = union(a, b);
    const gain = pipelineBlocks(merged.members) - pipelineBlocks(a.members) - pipelineBlocks(b.members);
    if (merged.members.length > maxStages || gain <= 0) break;
    sets = [...others, merged].toSorted(bySize);
  }
  return sets.filter(({ groupIds }) => groupIds.length > 1).map(({ groupIds }) => groupIds);
}

/**
 * The smallest other groups with which a group becomes a pipeline in which a request fits that is larger than the group;
 * nothing if it would not fit with any. `fits` says whether it does in a pipeline of these instances.
 */
export function planGrowth(
  candidates: readonly Pick<Candidate, 'groupId' | 'members'>[],
  {
    groupId,
    maxStages,
    fits,
  }: { groupId: number; maxStages: number; fits: (members: readonly Hardware[]) => boolean },
): readonly number[] | undefined {
  const groupIds = [groupId];
  const members = candidates.find((each) => each.groupId === groupId)?.members.slice();
  if (members === undefined) return undefined;
  const others = candidates.filter((each) => each.groupId !== groupId);
  for (const other of others.toSorted(
    (a, b) => a.members.length - b.members.length || a.groupId - b.groupId,
  )) {
    members.push(...other.members);
    if (members.length > maxStages) return undefined;
    groupIds.push(other.groupId);
    if (fits(members)) return groupIds;
  }
  return undefined;
}

function union(a: MergedSet, b: MergedSet): MergedSet {
  return {
    groupIds: [...a.groupIds, ...b.groupIds],
    members: [...a.members, ...b.members],
    isOverloaded: a.isOverloaded || b.isOverloaded,
    unmetBlocks: a.unmetBlocks + b.unmetBlocks,
  };
}

function bySize(a: MergedSet, b: MergedSet): number {
  const bySizeAlone = a.members.length - b.members.length;
  const byNeed = Number(b.isOverloaded) - Number(a.isOverloaded) || b.unmetBlocks - a.unmetBlocks;
  return bySizeAlone || byNeed || (a.groupIds[0] as number) - (b.groupIds[0] as number);
}
