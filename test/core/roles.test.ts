import { describe, expect, it } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { ClusterView, Decision } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { type Act, decide, drop, restore, scripted } from './scripted.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

const setRole = (groupId: number, role: string): Decision => {
  return { kind: 'setRole', groupId: asGroupId(groupId), role, reason: 'script' };
};

/** Two instances with one long request; what the policy sees at last, and what came of the roles that were set. */
function run(acts: readonly Act[]) {
  const shown = { instances: [] as string[], groups: new Map<number, string>() };
  const watch = ({ instances, groups }: ClusterView) => {
    shown.instances = instances.map(({ role }) => role);
    for (const { id, role } of groups) shown.groups.set(id, role);
  };
  const { seen } = runTiny({
    specs: [request(0, 0, 40, 400)],
    policies: [scripted(acts, watch), leastLoaded, recompute],
    numInstances: 2,
  });
  const answers = seen.decisions.filter(({ kind }) => kind === 'setRole');
  const told = seen.events.filter(({ kind }) => kind === 'roleChanged');
  return { ...shown, answers, told: told.map(({ instanceId, groupId }) => [instanceId, groupId]) };
}

describe('the role of a group', () => {
  it('becomes that of every member, also where the first one has it already', () => {
    const { instances, told } = run([
      decide(200, setRole(0, 'a')),
      decide(400, setRole(1, 'b')),
      drop(600, [0, 1]),
      // The merged group, whose first member is the one of role a.
      decide(6000, setRole(2, 'a')),
    ]);
    expect(instances).toEqual(['a', 'a']);
    expect(told).toEqual([
      [0, 0],
      [1, 1],
      [0, 2],
      [1, 2],
    ]);
  });

  it('is not told again where nothing changes', () => {
    const { answers, told } = run([decide(200, setRole(0, 'a')), decide(400, setRole(0, 'a'))]);
    expect(answers.map(({ outcome }) => outcome)).toEqual(['applied', 'applied']);
    expect(told).toEqual([[0, 0]]);
  });

  it('stays while it retires: its instances serve in other groups', () => {
    const { instances, groups, answers } = run([
      drop(600, [0, 1]),
      restore(9000, 'finish'),
      {
        atUs: 9200,
        decide: ({ groups: now }) =>
          now.filter(({ phase }) => phase === 'retiring').map(({ id }) => setRole(id, 'other')),
      },
    ]);
    expect(answers).toMatchObject([
      { outcome: 'rejected', error: 'group 2 is retiring: its instances serve in other groups' },
    ]);
    expect(instances).toEqual(['mixed', 'mixed']);
    expect(new Set(groups.values())).toEqual(new Set(['mixed']));
  });
});
