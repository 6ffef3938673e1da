import type { ClusterView, Decision, GroupView } from '../../harness/policy/index.ts';
import { countInstances, fleetOf, idlestFirst, scaleTo } from '../autoscaling/fleet.ts';
import { numRequestsOf } from '../dispatching/num-requests.ts';
import type { Census } from './census.ts';
import { allRoles, type Role } from './roles.ts';

/** The wanted number of instances of each role, and the reason. */
export interface Wanted {
  readonly numInstances: Readonly<Record<Role, number>>;
  readonly reason: string;
}

/**
 * Returns the decisions that bring each role to its wanted number of instances. An instance that one role has
 * in surplus and another lacks changes its role, which costs nothing; only the remaining difference is
 * started or drained.
 */
export function rebalance(view: ClusterView, wanted: Wanted, census: Census): readonly Decision[] {
  const changed = changeRoles(view, wanted, census);
  const decisions: Decision[] = [...changed].map(([group, role]) => {
    return { kind: 'setRole', groupId: group.id, role, reason: wanted.reason };
  });
  const isKept = new Set([...changed.keys()].map(({ id }) => id));
  let room = view.maxInstances - view.numInstances;
  for (const role of allRoles) {
    // The view still shows the old roles: `scaleTo` counts the instances that leave this role and not those
    // that join it.
    const leaving = [...changed.keys()].filter((group) => group.role === role);
    const joining = [...changed].flatMap(([group, to]) => (to === role ? [group] : []));
    const target = {
      numInstances: wanted.numInstances[role] + countInstances(leaving) - countInstances(joining),
      role,
      minInstances: 0,
      drainOrder: (a: GroupView, b: GroupView): number =>
        Number(isKept.has(a.id)) - Number(isKept.has(b.id)) || fewestRequestsFirst(a, b),
      reason: wanted.reason,
    };
    for (const decision of scaleTo(view, target)) {
      if (decision.kind === 'scaleUp') {
        const numInstances = Math.min(decision.numInstances, room);
        room -= numInstances;
        if (numInstances > 0) decisions.push({ ...decision, numInstances });
      } else if (decision.kind !== 'drain' || !isKept.has(decision.groupId)) decisions.push(decision);
    }
  }
  return decisions;
}

function fewestRequestsFirst(a: GroupView, b: GroupView): number {
  return numRequestsOf(a) - numRequestsOf(b) || idlestFirst(a, b);
}

/** Returns the serving groups that change their role, with the new role of each. */
function changeRoles(view: ClusterView, { numInstances }: Wanted, census: Census): Map<GroupView, Role> {
  const changed = new Map<GroupView, Role>();
  const surplus = { interactive: 0, mixed: 0, batch: 0 };
  for (const role of allRoles) {
    const { numServing, numComing } = fleetOf(view, role);
    surplus[role] = numServing + numComing - numInstances[role];
  }
  for (const to of allRoles) {
    for (const from of allRoles) {
      for (const group of candidates(view, from, to, census)) {
        const size = group.stages.length;
        if (changed.has(group) || size > -surplus[to] || size > surplus[from]) continue;
        changed.set(group, to);
        surplus[from] -= size;
        surplus[to] += size;
      }
    }
  }
  return changed;
}

/**
 * Returns the groups of role `from` in the order in which they should change to role `to`: those with the
 * fewest interactive requests first if it is batch, otherwise those with the fewest batch requests.
 */
function candidates(view: ClusterView, from: Role, to: Role, census: Census): readonly GroupView[] {
  const misplaced = ({ id }: GroupView): number =>
    to === 'batch' ? census.interactiveIn(id) : census.batchIn(id);
  return fleetOf(view, from)
    .serving.filter(({ phase }) => phase === 'serving')
    .toSorted((a, b) => misplaced(a) - misplaced(b) || a.id - b.id);
}
