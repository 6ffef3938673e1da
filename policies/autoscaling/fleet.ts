import type { ClusterView, Decision, GroupView } from '../../harness/policy/index.ts';

/** Groups by what they can still do for the load, with the instances in them: a pipeline counts as many as it has stages. */
export interface Fleet {
  /** Serve and stay; those that merge or restore among them. */
  readonly serving: readonly GroupView[];
  /** Asked for, and no use until they are ready. */
  readonly coming: readonly GroupView[];
  /** Serve their last requests. */
  readonly draining: readonly GroupView[];
  readonly numServing: number;
  readonly numComing: number;
  readonly numDraining: number;
}

/**
 * The groups of one role, or all. A group that retires after a restore is left out, since its members serve in
 * other groups already.
 */
export function fleetOf(view: ClusterView, role?: string): Fleet {
  const ofRole = role === undefined ? view.groups : view.groups.filter((group) => group.role === role);
  const coming = ofRole.filter(({ phase }) => phase === 'loading');
  const draining = ofRole.filter(({ phase }) => phase === 'draining');
  const serving = ofRole.filter(({ phase }) => staysServing.has(phase));
  return {
    serving,
    coming,
    draining,
    numServing: countInstances(serving),
    numComing: countInstances(coming),
    numDraining: countInstances(draining),
  };
}

const staysServing: ReadonlySet<GroupView['phase']> = new Set(['serving', 'merging', 'restoring']);

export function countInstances(groups: readonly GroupView[]): number {
  return groups.reduce((sum, { stages }) => sum + stages.length, 0);
}

/** How many instances there are to be, serving and coming together, and why. */
export interface ScaleTarget {
  readonly numInstances: number;
  /** Only groups of this role are counted and drained, and new instances get it. */
  readonly role?: string;
  /** Fewer than so many are never left; 1 where not given. */
  readonly minInstances?: number;
  /** Compares two serving groups; the one that comes first is drained first. `idlestFirst` where not given. */
  readonly drainOrder?: (a: GroupView, b: GroupView) => number;
  readonly reason: string;
}

/**
 * The decisions that take serving and coming instances to the wanted number. Upwards, a drain that is taken back comes before
 * a cold start, and `maxInstances` is kept. Downwards, instances that are still loading go before those that
 * serve, and a pipeline goes only if all of its members are too many. So the number comes as near to the wanted one as that allows, and never
 * passes it. Empty where nothing is to be done.
 */
export function scaleTo(view: ClusterView, target: ScaleTarget): readonly Decision[] {
  const fleet = fleetOf(view, target.role);
  const wanted = Math.max(target.numInstances, target.minInstances ?? 1);
  const missing = wanted - fleet.numServing - fleet.numComing;
  return missing >= 0 ? grow(view, fleet, missing, target) : shrink(fleet, -missing, target);
}

function grow(view: ClusterView, fleet: Fleet, missing: number, target: ScaleTarget): readonly Decision[] {
  const { role, reason } = target;
  // The busiest has the most to gain from being kept.
  const kept = upTo(missing, fleet.draining.toSorted(idlestFirst).toReversed());
  const decisions: Decision[] = kept.map(({ id }) => ({ kind: 'cancelDrain', groupId: id, reason }));
  const room = view.maxInstances - view.numInstances;
  const numInstances = Math.min(missing - countInstances(kept), room);
  if (numInstances > 0) {
    decisions.push({ kind: 'scaleUp', numInstances, ...(role === undefined ? {} : { role }), reason });
  }
  return decisions;
}

function shrink(fleet: Fleet, surplus: number, target: ScaleTarget): readonly Decision[] {
  const coming = fleet.coming.toSorted(youngestFirst);
  // One that merges or restores cannot be drained.
  const serving = fleet.serving.filter(({ phase }) => phase === 'serving');
  serving.sort(target.drainOrder ?? idlestFirst);
  return upTo(surplus, [...coming, ...serving]).map(
    ({ id }): Decision => ({ kind: 'drain', groupId: id, reason: target.reason }),
  );
}

/** Groups in this order, as long as they have no more instances together than this; one that is too large is passed over. */
function upTo(numInstances: number, groups: readonly GroupView[]): readonly GroupView[] {
  let left = numInstances;
  return groups.filter(({ stages }) => {
    if (stages.length > left) return false;
    left -= stages.length;
    return true;
  });
}

/** Fewest running requests, then youngest. */
export function idlestFirst(a: GroupView, b: GroupView): number {
  return a.running.length - b.running.length || youngestFirst(a, b);
}

function youngestFirst(a: GroupView, b: GroupView): number {
  return requestedAtUs(b) - requestedAtUs(a) || b.id - a.id;
}

function requestedAtUs(group: GroupView): number {
  return group.stages[0]?.instance.requestedAtUs ?? 0;
}
