import { describe, expect, it } from 'vitest';
import { asGroupId, type GroupId, type RequestId } from '../../harness/domain/ids.ts';
import { withGuardedViews } from '../../harness/conformance/guarded-views.ts';
import { followUp, request, runTiny } from '../../harness/conformance/index.ts';
import type { LoadReporting } from '../../harness/core/state/load/load-reports.ts';
import type { ClusterView, RequestView, ViewList } from '../../harness/policy/index.ts';
import { policies } from '../../policies/index.ts';
import { policyOf } from './policy-of.ts';

/** Shows every tick of a run with waiting and held requests to `look`, through guarded views or not. */
function watch(loadReports: LoadReporting, isGuarded: boolean, look: (view: ClusterView) => void): void {
  const policy = policyOf({
    tickUs: 300,
    onTick: (view) => {
      look(view);
      return undefined;
    },
    dispatch: ({ id }, { nowUs }) =>
      id % 3 === 0 && nowUs < 4000
        ? { kind: 'hold', reason: 'later' }
        : { kind: 'dispatch', groupId: asGroupId(0), reason: 'now' },
  });
  const create = () => policy.create({}, undefined as never);
  runTiny({
    specs: Array.from({ length: 12 }, (_, id) => request(id, 50 * id, 30, 10)),
    policies: [
      isGuarded ? { ...policy, create: () => withGuardedViews(create()) } : policy,
      policies.recompute,
    ],
    blocks: 8,
    loadReports,
  });
}

function isOdd({ id }: RequestView): boolean {
  return id % 2 === 1;
}

const ways: readonly (readonly [LoadReporting, boolean])[] = [
  [{ kind: 'live' }, false],
  [{ kind: 'per-step' }, false],
  [{ kind: 'every', us: 1000 }, false],
  [{ kind: 'live' }, true],
  [{ kind: 'per-step' }, true],
];

describe.each(ways)('the lists of views, loads reported %j, guarded: %s', (loadReports, isGuarded) => {
  it('are searched and indexed as arrays of the same requests are', () => {
    let longest = 0;
    watch(loadReports, isGuarded, ({ groups, held }) => {
      const lists: readonly ViewList<RequestView>[] = [
        held,
        held.ofClass('default'),
        ...groups.flatMap(({ waiting, running, swapped, stalled }) => [waiting, running, swapped, stalled]),
      ];
      for (const list of lists) {
        const array = [...list];
        longest = Math.max(longest, array.length);
        for (let index = -array.length - 1; index <= array.length; index += 1) {
          expect(list.at(index)).toBe(array.at(index));
        }
        expect(list.find(isOdd)).toBe(array.find(isOdd));
        expect(list.filter(isOdd)).toEqual(array.filter(isOdd));
        expect(list.some(isOdd)).toBe(array.some(isOdd));
        expect(list.some(() => false)).toBe(false);
      }
    });
    expect(longest).toBeGreaterThan(3);
  });
});

describe('a conversation', () => {
  const first = request(0, 0, 20, 5);
  const second = followUp(1, first, { delayUs: 100, newTokens: 4, outputTokens: 6 });
  const third = followUp(2, second, { delayUs: 100, newTokens: 4, outputTokens: 6 });
  const alone = request(3, 50, 20, 5);
  const asked = new Map<RequestId, readonly [session: RequestId, parent: RequestId | undefined]>();
  const placed = new Map<RequestId, GroupId>();
  const { seen } = runTiny({
    specs: [first, second, third, alone],
    policies: [
      policyOf({
        dispatch: ({ id, sessionId, parentId }, { groups }) => {
          asked.set(id, [sessionId, parentId]);
          const groupId = placed.get(sessionId) ?? groups.at(-1 - (id % 2))?.id ?? asGroupId(0);
          placed.set(sessionId, groupId);
          return { kind: 'dispatch', groupId, reason: 'where its session is' };
        },
      }),
      policies.recompute,
    ],
    numInstances: 2,
  });

  it('is seen by its policies: each turn has the first as its session, and the one before as its parent', () => {
    expect([...asked]).toEqual([
      [0, [0, undefined]],
      [3, [3, undefined]],
      [1, [0, 0]],
      [2, [0, 1]],
    ]);
  });

  it('is recorded with every request, and follows its prompts', () => {
    const rows = seen.requests.toSorted((a, b) => a.id - b.id);
    expect(rows.map(({ sessionId, parentId }) => [sessionId, parentId])).toEqual([
      [0, undefined],
      [0, 0],
      [0, 1],
      [3, undefined],
    ]);
    expect(rows.map(({ promptTokens }) => promptTokens)).toEqual([20, 29, 39, 20]);
    expect(new Set(rows.slice(0, 3).map(({ groupId }) => groupId)).size).toBe(1);
  });
});
