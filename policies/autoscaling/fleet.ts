import type { ClusterView, Decision, GroupView } from '../../harness/policy/index.ts';

/**
 * The groups of a cluster sorted by what they can still contribute, and the number of instances in each list.
 * A pipeline counts as many instances as it has stages.
 */
export interface Fleet {
  /** Groups that serve and will keep serving, including those that are merging or restoring. */
  readonly serving: readonly GroupView[];
  /** Groups in phase `loading`: requested, but not serving yet. */
  readonly coming: readonly GroupView[];
  /** Groups that only finish their last requests. */
  readonly draining: readonly GroupView[];
  readonly numServing: number;
  readonly numComing: number;
  readonly numDraining: number;
}

/**
 * Sorts the groups of one role, or of all roles if `role` is undefined. Retiring groups are left out because
 * their members already serve in the groups that replace them.
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

/** The wanted number of instances, serving and starting ones together, and the reason for it. */
export interface ScaleTarget {
  readonly numInstances: number;
  /**
   * Restricts counting and draining to groups of this role; new instances get it too. Undefined means all
   * groups.
   */
  readonly role?: string;
  /** Lower bound on the number of instances; 1 if undefined. */
  readonly minInstances?: number;
  /** Comparator of two serving groups; the group sorted first is drained first. Defaults to `idlestFirst`. */
  readonly drainOrder?: (a: GroupView, b: GroupView) => number;
  readonly reason: string;
}

/**
 * Returns the decisions that bring the number of serving and starting instances as close as possible to the
 * wanted number, without passing it. To grow, it cancels drains before it requests new instances, and
 * respects `maxInstances`. To shrink, it drains starting instances before serving ones; a pipeline is drained
 * only if all of its members are surplus. Returns an empty list if nothing needs to change.
 */
export function scaleTo(view: ClusterView, target: ScaleTarget): readonly Decision[] {
  const fleet = fleetOf(view, target.role);
  const wanted = Math.max(target.numInstances, target.minInstances ?? 1);
  const missing = wanted - fleet.numServing - fleet.numComing;
  return missing >= 0 ? grow(view, fleet, missing, target) : shrink(fleet, -missing, target);
}

function grow(view: ClusterView, fleet: Fleet, missing: number, target: ScaleTarget): readonly Decision[] {
  const { role, reason } = target;
  // The busiest draining group loses the most by being released, so its drain is cancelled first.
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
  // The core refuses to drain a group that is merging or restoring.
  const serving = fleet.serving.filter(({ phase }) => phase === 'serving');
  serving.sort(target.drainOrder ?? idlestFirst);
  return upTo(surplus, [...coming, ...serving]).map(
    ({ id }): Decision => ({ kind: 'drain', groupId: id, reason: target.reason }),
  );
}

/**
 * Selects groups in the given order whose stages add up to at most `numInstances`; a group that is too large
 * for the rest is skipped.
 */
function upTo(numInstances: number, groups: readonly GroupView[]): readonly GroupView[] {
  let left = numInstances;
  return groups.filter(({ stages }) => {
    if (stages.length > left) return false;
    left -= stages.length;
    return true;
  });
}

/**
 * Comparator: the group with the fewest running requests first; among equals, the one requested most
 * recently.
 */
export function idlestFirst(a: GroupView, b: GroupView): number {
  return a.running.length - b.running.length || youngestFirst(a, b);
}

function youngestFirst(a: GroupView, b: GroupView): number {
  return requestedAtUs(b) - requestedAtUs(a) || b.id - a.id;
}

function requestedAtUs(group: GroupView): number {
  return group.stages[0]?.instance.requestedAtUs ?? 0;
}
