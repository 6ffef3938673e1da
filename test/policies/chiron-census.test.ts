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
    census.add(0, 'chat', 0.5e6);
    census.add(0, 'chat', 1.2e6);
    census.add(0, 'bulk', 1.3e6);
    census.remove(1, 'chat', 1.4e6);
    census.recount(reported);
    expect([census.interactiveIn(0), census.batchIn(0), census.interactiveIn(1)]).toEqual([4, 1, 0]);
    // Looking twice counts nothing twice.
    census.recount(reported);
    expect([census.interactiveIn(0), census.batchIn(0), census.interactiveIn(1)]).toEqual([4, 1, 0]);
  });

  it('forgets what has been reported', () => {
    const census = new Census(classes);
    census.add(0, 'chat', 1.2e6);
    const groups = reported.groups.map((group) => ({ ...group, observedAtUs: 2e6 }));
    census.recount({ ...reported, groups, observedAtUs: 2e6 });
    expect(census.interactiveIn(0)).toBe(3);
  });

  it('does not carry along what busy groups have reported because an idle one says nothing', () => {
    const census = new Census(classes);
    const startMs = performance.now();
    for (let atUs = 1e6; atUs <= 1000e6; atUs += 1e6) {
      for (let count = 0; count < 50; count += 1) census.add(0, 'bulk', atUs - 1000);
      const busy = Array.from({ length: 20 }, (_, id) => groupView(id, 1, { observedAtUs: atUs }));
      const idle = groupView(20, 1, { observedAtUs: 0 });
      census.recount(clusterView([...busy, idle], { nowUs: atUs, observedAtUs: 0 }));
    }
    // Every change at every look, and for every group, would be half a thousand million.
    expect(performance.now() - startMs).toBeLessThan(500);
    expect(census.batchIn(0)).toBe(0);
  });
});
