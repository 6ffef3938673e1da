import { expect, it } from 'vitest';
import type { GroupView } from '../../harness/policy/index.ts';
import { leastLoaded } from '../../policies/least-loaded/least-loaded.ts';
import { clusterView, deps, groupView, requestView } from '../../harness/conformance/view-builders.ts';

/** How many of equal requests each group gets, one after the other. */
function dispatched(numRequests: number, ...groups: readonly GroupView[]): number[] {
  const policy = leastLoaded.create(leastLoaded.params.parse({}), deps);
  const counts = groups.map(() => 0);
  for (let id = 0; id < numRequests; id += 1) {
    const loaded = groups.map((group, index) => ({ ...group, demandBlocks: counts[index] as number }));
    const decision = policy.dispatch?.(requestView(id), clusterView(loaded));
    const chosen = groups.findIndex(
      (group) => decision?.kind === 'dispatch' && group.id === decision.groupId,
    );
    counts[chosen] = (counts[chosen] as number) + 1;
  }
  return counts;
}

it('a group of two with twice the memory gets twice the requests', () => {
  const [single, merged] = dispatched(30, groupView(0, 1), groupView(1, 2)) as [number, number];
  expect(single + merged).toBe(30);
  expect(Math.abs(merged - 2 * single)).toBeLessThanOrEqual(3);
});

const running = (count: number) => Array.from({ length: count }, (_, id) => requestView(id));

it('by requests, a group of two gets twice as many as a single instance', () => {
  const policy = leastLoaded.create(leastLoaded.params.parse({ by: 'requests' }), deps);
  const choiceOf = (single: number, merged: number) =>
    policy.dispatch?.(
      requestView(99),
      clusterView([
        groupView(0, 1, { running: running(single) }),
        groupView(1, 2, { running: running(merged) }),
      ]),
    );
  expect(choiceOf(4, 7)).toMatchObject({ groupId: 1 });
  expect(choiceOf(4, 9)).toMatchObject({ groupId: 0 });
});

it('a group that takes no requests gets none', () => {
  expect(dispatched(3, groupView(0, 1), groupView(1, 2, { acceptsRequests: false }))).toEqual([3, 0]);
});
