import { describe, expect, it } from 'vitest';
import { coldStartUs, type Decision, type GroupPhase, type GroupView } from '../../harness/policy/index.ts';
import { fleetOf, scaleTo } from '../../policies/autoscaling/fleet.ts';
import { countWaiting, instanceLoads } from '../../policies/autoscaling/instance-loads.ts';
import * as fc from '../fast-check.ts';
import {
  clusterView,
  deps,
  groupView,
  heldView,
  instanceView,
  requestView,
} from '../../harness/conformance/view-builders.ts';

const reason = 'test';

function withRunning(id: number, numRunning: number, about: Partial<GroupView> = {}): GroupView {
  const running = Array.from({ length: numRunning }, (_, index) => requestView(100 * id + index));
  return groupView(id, 1, { running, ...about });
}

/** A group of one that was asked for at this time. */
function youngGroup(id: number, requestedAtUs: number, phase: GroupPhase = 'serving'): GroupView {
  const instance = instanceView(10 * id, { requestedAtUs });
  return groupView(id, 1, { phase, stages: [{ instance, firstLayer: 0, numLayers: 4 }] });
}

function busiestFirst(a: GroupView, b: GroupView): number {
  return b.running.length - a.running.length;
}

function drained(decisions: readonly Decision[]): number[] {
  return decisions.map((decision) => (decision.kind === 'drain' ? decision.groupId : NaN));
}

describe('fleetOf', () => {
  const phases: readonly GroupPhase[] = [
    'serving',
    'merging',
    'restoring',
    'retiring',
    'loading',
    'draining',
  ];
  const groups = phases.map((phase, id) => groupView(id, 1 + (id % 2), { phase }));

  it('counts what serves and stays, what comes and what goes, in instances', () => {
    const fleet = fleetOf(clusterView(groups));
    expect(fleet.serving.map(({ phase }) => phase)).toEqual(['serving', 'merging', 'restoring']);
    expect([fleet.numServing, fleet.numComing, fleet.numDraining]).toEqual([4, 1, 2]);
  });

  it('looks at one role when asked to', () => {
    const batch = groupView(9, 1, { role: 'batch' });
    expect(fleetOf(clusterView([...groups, batch]), 'batch').numServing).toBe(1);
    expect(fleetOf(clusterView([...groups, batch])).numServing).toBe(5);
  });
});

describe('scaleTo, upwards', () => {
  it('asks for what is missing, of the role, and no more than the cluster may have', () => {
    const view = clusterView([groupView(0, 1)], { maxInstances: 4 });
    expect(scaleTo(view, { numInstances: 3, reason })).toEqual([
      { kind: 'scaleUp', numInstances: 2, reason },
    ]);
    expect(scaleTo(view, { numInstances: 9, reason })).toEqual([
      { kind: 'scaleUp', numInstances: 3, reason },
    ]);
    expect(scaleTo(view, { numInstances: 2, role: 'batch', reason })).toEqual([
      { kind: 'scaleUp', numInstances: 2, role: 'batch', reason },
    ]);
  });

  it('counts what is coming already', () => {
    const view = clusterView([groupView(0, 1), groupView(1, 1, { phase: 'loading' })], { maxInstances: 8 });
    expect(scaleTo(view, { numInstances: 2, reason })).toEqual([]);
  });

  it('takes drains back before it asks for a cold start, the busiest first', () => {
    const draining = [1, 3, 2].map((numRunning, id) => withRunning(id, numRunning, { phase: 'draining' }));
    const view = clusterView([...draining, groupView(9, 1)], { maxInstances: 8 });
    expect(scaleTo(view, { numInstances: 3, reason })).toEqual([
      { kind: 'cancelDrain', groupId: 1, reason },
      { kind: 'cancelDrain', groupId: 2, reason },
    ]);
    expect(scaleTo(view, { numInstances: 5, reason }).at(-1)).toEqual({
      kind: 'scaleUp',
      numInstances: 1,
      reason,
    });
  });

  it('pays heed to draining instances in the budget', () => {
    const draining = groupView(1, 2, { phase: 'draining' });
    const view = clusterView([groupView(0, 1), draining], { maxInstances: 3 });
    expect(scaleTo(view, { numInstances: 2, reason })).toEqual([]);
  });
});

describe('scaleTo, downwards', () => {
  it('lets go of those that are still loading first, the youngest of them first', () => {
    const loading = [youngGroup(0, 50, 'loading'), youngGroup(1, 70, 'loading')];
    const view = clusterView([groupView(5, 1), ...loading]);
    expect(drained(scaleTo(view, { numInstances: 2, reason }))).toEqual([1]);
    expect(drained(scaleTo(view, { numInstances: 1, reason }))).toEqual([1, 0]);
  });

  it('then drains those that run least, the youngest among equals', () => {
    const view = clusterView([withRunning(0, 5), youngGroup(1, 10), youngGroup(2, 20), withRunning(3, 1)]);
    expect(drained(scaleTo(view, { numInstances: 1, reason }))).toEqual([2, 1, 3]);
  });

  it('drains in another order when given one', () => {
    const view = clusterView([withRunning(0, 5), withRunning(1, 1)]);
    expect(drained(scaleTo(view, { numInstances: 1, drainOrder: busiestFirst, reason }))).toEqual([0]);
  });

  it('never goes below the minimum, one where none is given', () => {
    const view = clusterView([0, 1, 2].map((id) => groupView(id, 1)));
    expect(scaleTo(view, { numInstances: 0, reason })).toHaveLength(2);
    expect(scaleTo(view, { numInstances: 0, minInstances: 2, reason })).toHaveLength(1);
    expect(scaleTo(view, { numInstances: 0, minInstances: 0, reason })).toHaveLength(3);
  });

  it('leaves a pipeline alone that is larger than the surplus, and groups that merge or restore', () => {
    const view = clusterView([groupView(0, 2), groupView(1, 1, { phase: 'merging' }), withRunning(2, 9)]);
    expect(drained(scaleTo(view, { numInstances: 3, reason }))).toEqual([2]);
    expect(drained(scaleTo(view, { numInstances: 2, reason }))).toEqual([0]);
  });
});

it('scaleTo brings the number nearer to the wanted one, never past it, the minimum or the budget', () => {
  const phases: readonly GroupPhase[] = ['serving', 'merging', 'restoring', 'loading', 'draining'];
  const group = fc.record({ phase: fc.constantFrom(...phases), numInstances: fc.constantFrom(1, 2, 4) });
  fc.assert(
    fc.property(
      fc.array(group, { maxLength: 8 }),
      fc.nat(12),
      fc.nat(4),
      fc.nat(6),
      (kinds, wanted, least, room) => {
        const groups = kinds.map(({ phase, numInstances }, id) => groupView(id, numInstances, { phase }));
        const paid = groups.reduce((sum, { stages }) => sum + stages.length, 0);
        const view = clusterView(groups, { maxInstances: paid + room });
        const { numServing, numComing } = fleetOf(view);
        const before = numServing + numComing;
        const aim = Math.max(wanted, least);
        let after = before;
        let asked = 0;
        for (const decision of scaleTo(view, { numInstances: wanted, minInstances: least, reason })) {
          if (decision.kind === 'scaleUp') asked += decision.numInstances;
          else if (decision.kind === 'drain') after -= groups[decision.groupId]?.stages.length ?? NaN;
          else if (decision.kind === 'cancelDrain') after += groups[decision.groupId]?.stages.length ?? NaN;
        }
        after += asked;
        expect(asked).toBeLessThanOrEqual(room);
        expect(after).toBeGreaterThanOrEqual(Math.min(before, aim));
        expect(after).toBeLessThanOrEqual(Math.max(before, aim));
      },
    ),
  );
});

describe('instanceLoads', () => {
  it('tells instances that are not there yet from those that show nothing, and leaves out those that go', () => {
    const states = [
      'ready',
      'provisioning',
      'loading',
      'warming-up',
      'draining',
      'stopped',
      'failed',
    ] as const;
    const instances = states.map((state, id) => instanceView(id, { state, usedCells: 20 }));
    const loads = instanceLoads(clusterView([], { instances }));
    expect(loads).toEqual({
      known: [{ kvUsage: 0.25, waiting: 0, requests: 0 }],
      numMissing: 2,
      numPending: 1,
    });
  });

  it('shares the requests of a pipeline out over its members, whatever list they are in', () => {
    const four = [0, 1, 2, 3].map((id) => requestView(id));
    const pipeline = groupView(0, 2, {
      waiting: four,
      running: four.slice(0, 2),
      swapped: four.slice(0, 1),
      stalled: four.slice(0, 1),
    });
    const { known } = instanceLoads(clusterView([pipeline]));
    expect(known.map(({ waiting, requests }) => [waiting, requests])).toEqual([
      [2, 4],
      [2, 4],
    ]);
  });
});

it('countWaiting counts the queues and what is held at the cluster', () => {
  const three = [0, 1, 2].map((id) => requestView(id));
  const groups = [groupView(0, 1, { waiting: three }), groupView(1, 1, { running: three })];
  expect(countWaiting(clusterView(groups, { held: heldView(three.slice(1)) }))).toBe(5);
});

it('a cold start takes provisioning, the weights over the slowest link on their way, and the warm-up', () => {
  const { model, startHardware: hardware } = deps;
  const timeOf = (start: Partial<typeof hardware.start>, about: Partial<typeof hardware> = {}) =>
    coldStartUs(model, { ...hardware, ...about, start: { ...hardware.start, ...start } });
  // 4 layers of 37,120 B and 16,512 B beside them: 100 MB/s on disk and network, 50 MB/s through the host, 10 us latency.
  expect(timeOf({})).toBe(2000 + 3310 + 500);
  expect(timeOf({ weightsFrom: 'host' })).toBe(2000 + 3310 + 500);
  expect(timeOf({}, { diskBytesPerSecond: 2e7 })).toBe(2000 + 8260 + 500);
  expect(timeOf({ weightsFrom: 'host' }, { diskBytesPerSecond: 2e7 })).toBe(2000 + 3310 + 500);
  expect(timeOf({ weightsFrom: 'peer', warmUpUs: 0 })).toBe(2000 + 1660);
  expect(timeOf({ provisioning: { meanUs: 9000, cv: 1 } })).toBe(9000 + 3310 + 500);
});
