import assert from 'node:assert';
import { describe, expect, it } from 'vitest';
import { Census } from '../../policies/chiron/census.ts';
import { classes } from './chiron-views.ts';
import { clusterView, groupView, requestView } from './views.ts';

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
    const [group] = reported.groups;
    assert(group !== undefined);
    census.add(group, 'chat', 0.5e6);
    census.add(group, 'chat', 1.2e6);
    census.add(group, 'bulk', 1.3e6);
    census.remove(1, 'chat', 1.4e6);
    census.recount(reported);
    expect([census.interactiveIn(0), census.batchIn(0), census.interactiveIn(1)]).toEqual([4, 1, 0]);
    // Looking twice counts nothing twice.
    census.recount(reported);
    expect([census.interactiveIn(0), census.batchIn(0), census.interactiveIn(1)]).toEqual([4, 1, 0]);
  });

  it('forgets what has been reported', () => {
    const census = new Census(classes);
    const [group] = reported.groups;
    assert(group !== undefined);
    census.add(group, 'chat', 1.2e6);
    const groups = reported.groups.map((reports) => ({ ...reports, observedAtUs: 2e6 }));
    census.recount({ ...reported, groups, observedAtUs: 2e6 });
    expect(census.interactiveIn(0)).toBe(3);
  });

  it('keeps what was sent in the microsecond of the report that was looked at', () => {
    const census = new Census(classes);
    const idle = groupView(0, 1, { observedAtUs: 2e6 });
    census.add(idle, 'bulk', 2e6);
    census.add(idle, 'bulk', 2e6);
    census.recount(clusterView([idle], { nowUs: 2e6, observedAtUs: 2e6 }));
    expect(census.batchIn(0)).toBe(2);
  });
});
