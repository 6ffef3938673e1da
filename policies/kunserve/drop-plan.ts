import type { GroupId, Hardware } from '../../harness/policy/index.ts';

/** A group that may be merged with others. Its instances together hold exactly one copy of the model. */
export interface Candidate {
  readonly groupId: GroupId;
  /** Hardware of each of its instances. */
  readonly members: readonly Hardware[];
  /** Whether the group's memory is overloaded. The plan serves the demand of these groups. */
  readonly isOverloaded: boolean;
  /** KV blocks that its queued requests need and do not have. */
  readonly unmetBlocks: number;
}

/** Groups that the plan merges into one. */
type MergedSet = Omit<Candidate, 'groupId'> & { readonly groupIds: readonly GroupId[] };

/** The memory that a drop plan must free, and the bounds of the plan. */
interface DropLimits {
  readonly neededBytes: number;
  readonly copyBytes: number;
  readonly maxStages: number;
  /** Returns the number of KV blocks that a pipeline of instances on this hardware can hold. */
  readonly pipelineBlocks: (members: readonly Hardware[]) => number;
}

/**
 * KunServe's drop plan (section 4.1, Figure 6): merges the two smallest groups repeatedly until enough memory
 * is freed, which keeps pipelines as short as possible. Returns the group ids of each set to be merged;
 * groups that remain as they are do not appear.
 *
 * Each group holds one complete copy of the model (the core's INV-layers), so merging two frees one copy,
 * `copyBytes`. The paper keeps the groups in a heap; sorting so few groups gives the same order. The paper
 * does not say which of several groups of the same size to merge: overloaded groups come first, then those
 * with the most unmet demand, because freed memory helps only the requests queued there. The plan frees less
 * than needed if no merge within `maxStages` is left, or if a longer pipeline would hold no more: layers that
 * do not divide evenly leave memory that no block can use.
 */
export function planDrop(
  candidates: readonly Candidate[],
  { neededBytes, copyBytes, maxStages, pipelineBlocks }: DropLimits,
): readonly (readonly GroupId[])[] {
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
 * Chooses the smallest other groups with which a group forms a pipeline that can hold a request too large for
 * the group itself. `fits` tells whether a pipeline of these instances can hold it. Returns undefined if none
 * within `maxStages` can.
 */
export function planGrowth(
  candidates: readonly Pick<Candidate, 'groupId' | 'members'>[],
  {
    groupId,
    maxStages,
    fits,
  }: { groupId: GroupId; maxStages: number; fits: (members: readonly Hardware[]) => boolean },
): readonly GroupId[] | undefined {
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
