import { describe, expect, it } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import type { GroupView } from '../../harness/policy/index.ts';
import { Census } from '../../policies/chiron/census.ts';
import { classes } from './chiron-views.ts';
import { clusterView, groupView, requestView } from '../../harness/conformance/view-builders.ts';

/** Two groups as they reported at 1 s, seen at 2 s: three and one interactive requests. */
const reported = clusterView(
  [3, 1].map((numRunning, id) => {
    const running = Array.from({ length: numRunning }, (_, index) =>
      requestView(10 * id + index, { className: 'chat' }),
    );
    return groupView(id, 1, { running, observedAtUs: 1e6 });
  }),
  { nowUs: 2e6, observedAtUs: 1e6 },
);

describe('a count of requests from reports', () => {
  it('keeps what has come and gone since', () => {
    const census = new Census(classes);
    census.add(asGroupId(0), 'chat', 0.5e6);
    census.add(asGroupId(0), 'chat', 1.2e6);
    census.add(asGroupId(0), 'bulk', 1.3e6);
    census.remove(asGroupId(1), 'chat', 1.4e6);
    census.recount(reported);
    expect([
      census.interactiveIn(asGroupId(0)),
      census.batchIn(asGroupId(0)),
      census.interactiveIn(asGroupId(1)),
    ]).toEqual([4, 1, 0]);
    // Looking twice counts nothing twice.
    census.recount(reported);
    expect([
      census.interactiveIn(asGroupId(0)),
      census.batchIn(asGroupId(0)),
      census.interactiveIn(asGroupId(1)),
    ]).toEqual([4, 1, 0]);
  });

  it('forgets what has been reported', () => {
    const census = new Census(classes);
    census.add(asGroupId(0), 'chat', 1.2e6);
    const groups = reported.groups.map((group) => ({ ...group, observedAtUs: 2e6 }));
    census.recount({ ...reported, groups, observedAtUs: 2e6 });
    expect(census.interactiveIn(asGroupId(0))).toBe(3);
  });

  it('looks at no change again that its own group has reported, whatever the others do', () => {
    const census = new Census(classes);
    // The second group has nothing new to say.
    const [busy, idle] = reported.groups as [GroupView, GroupView];
    let numLooks = 0;
    const reportingAt = (atUs: number): GroupView =>
      Object.defineProperty({ ...busy }, 'observedAtUs', { get: () => ((numLooks += 1), atUs) });
    for (let index = 0; index < 1000; index += 1) census.add(asGroupId(0), 'chat', 1e6 + index);
    census.recount({ ...reported, groups: [reportingAt(1.5e6), idle] });
    numLooks = 0;
    census.recount({ ...reported, groups: [reportingAt(1.6e6), idle] });
    expect(numLooks).toBeLessThan(10);
    expect([census.interactiveIn(asGroupId(0)), census.interactiveIn(asGroupId(1))]).toEqual([3, 1]);
  });
});
