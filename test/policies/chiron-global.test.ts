import { describe, expect, it } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import type { ClusterView, Decision, GroupView } from '../../harness/policy/index.ts';
import { coldStartUs } from '../../harness/domain/cold-start.ts';
import { fleetOf } from '../../policies/autoscaling/fleet.ts';
import { Census } from '../../policies/chiron/census.ts';
import { GlobalAutoscaler } from '../../policies/chiron/global-autoscaler.ts';
import { InteractivePressure } from '../../policies/chiron/interactive-pressure.ts';
import { OutputLengths } from '../../policies/chiron/output-lengths.ts';
import { params } from '../../policies/chiron/params.ts';
import { rebalance } from '../../policies/chiron/rebalance.ts';
import { allRoles, type Role } from '../../policies/chiron/roles.ts';
import { ServiceClasses } from '../../policies/chiron/service-classes.ts';
import { Throughput } from '../../policies/chiron/throughput.ts';
import * as fc from '../fast-check.ts';
import { censusOf, classes, groupsOf, requestClasses, windowOf } from './chiron-views.ts';
import {
  clusterView,
  deps,
  groupView,
  heldView,
  requestView,
} from '../../harness/conformance/view-builders.ts';

describe('classes', () => {
  it('are batch where their TTFT target is long, or there is none', () => {
    const all = [...requestClasses, { name: 'free', priority: 0, slo: { tpotUs: 1 } }];
    expect(new ServiceClasses(all, params.parse({})).batchNames).toEqual(['bulk', 'free']);
    expect(new ServiceClasses(all, params.parse({ interactiveTtftS: 600 })).batchNames).toEqual(['free']);
    expect(new ServiceClasses(all, params.parse({ batchClasses: ['chat'] })).batchNames).toEqual(['chat']);
  });

  it('must be there to be named', () => {
    expect(() => new ServiceClasses(requestClasses, params.parse({ batchClasses: ['bluk'] }))).toThrow(
      'there is no class "bluk"; the classes are chat, bulk',
    );
  });

  it('give deadlines as moments', () => {
    const rule = params.parse({ batchDeadlineS: 10 });
    const some = new ServiceClasses([...requestClasses, { name: 'free', priority: 0, slo: {} }], rule);
    expect(some.deadlineUs({ className: 'bulk', arrivedAtUs: 5e6 })).toBe(605e6);
    expect(some.deadlineUs({ className: 'free', arrivedAtUs: 5e6 })).toBe(15e6);
  });
});

/** How many instances are wanted in each view by itself. */
function wishes(views: readonly ClusterView[], settings: object = {}): number[] {
  return views.map((view) => {
    const pressure = new InteractivePressure(params.parse({ scaleInAfter: 1, ...settings }), censusOf(view));
    pressure.look(view);
    const { numServing, numComing } = fleetOf(view);
    return pressure.want(numServing + numComing).numInstances;
  });
}

function busy(numBusy: number, numIdle: number): ClusterView {
  const pool = [...Array<number>(numBusy).fill(3), ...Array<number>(numIdle).fill(0)];
  return clusterView(groupsOf(pool.map((count) => ['mixed', count] as const)));
}

describe('interactive back-pressure', () => {
  it('keeps the share that is busy at Theta: over-provisioning is its inverse', () => {
    expect(wishes([busy(1, 0), busy(1, 2), busy(7, 0), busy(1, 5)])).toEqual([3, 3, 21, 3]);
    expect(wishes([busy(3, 0)], { theta: 0.6 })).toEqual([5]);
    expect(wishes([busy(3, 0)], { theta: 1 })).toEqual([3]);
  });

  it('goes by one where told to, and comes to rest at the same number', () => {
    for (const theta of [1 / 3, 0.6, 1]) {
      for (const numBusy of [0, 1, 2, 5]) {
        const target = wishes([busy(numBusy, 0)], { theta })[0];
        let now = Math.max(1, numBusy);
        const seen: number[] = [];
        for (let round = 0; round < 30; round += 1) {
          now = wishes([busy(numBusy, now - numBusy)], { theta, step: 'one' })[0] ?? 0;
          seen.push(now);
        }
        expect(seen.slice(-10)).toEqual(Array(10).fill(target));
        expect(Math.abs((seen[0] ?? 0) - Math.max(1, numBusy))).toBeLessThanOrEqual(1);
      }
    }
  });

  it('counts whole instances, or the part of a batch size that is taken', () => {
    const half = groupsOf([
      ['mixed', 32],
      ['mixed', 16],
    ]);
    expect(wishes([clusterView(half)], { theta: 0.5 })).toEqual([4]);
    expect(wishes([clusterView(half)], { theta: 0.5, busy: 'fraction' })).toEqual([2]);
  });

  it('sees batch instances and batch requests nowhere, and pipelines as what they take', () => {
    const bulk = [requestView(1, { className: 'bulk' })];
    const groups = [
      groupView(0, 1, { running: bulk }),
      ...groupsOf([['batch', 5]]).map((group) => ({ ...group, id: asGroupId(1) })),
    ];
    expect(wishes([clusterView(groups)])).toEqual([1]);
    const pipeline = groupView(0, 2, { running: [requestView(1, { className: 'chat' })] });
    expect(wishes([clusterView([pipeline])])).toEqual([6]);
  });

  it('decides on the most that was busy since the last decision, and gives up instances only after a while', () => {
    const [calm, rush] = [busy(1, 5), busy(4, 2)];
    const census = new Census(classes);
    const pressure = new InteractivePressure(params.parse({ scaleInAfter: 3, theta: 0.5 }), census);
    const decide = (...views: readonly ClusterView[]): number => {
      for (const view of views) {
        census.recount(view);
        pressure.look(view);
      }
      return pressure.want(6).numInstances;
    };
    expect(decide(calm, rush, calm)).toBe(8);
    expect([decide(calm), decide(calm), decide(calm), decide(calm)]).toEqual([6, 6, 2, 2]);
    expect(decide(rush)).toBe(8);
  });

  it('leaves the number alone while nothing of the pool serves', () => {
    const groups = [groupView(0, 1, { phase: 'loading' }), groupView(1, 1, { phase: 'loading' })];
    expect(wishes([clusterView(groups)])).toEqual([2]);
  });

  it('keeps the least number of instances', () => {
    expect(wishes([busy(0, 5)], { minInstances: 2 })).toEqual([2]);
    expect(wishes([busy(0, 1)], { minInstances: 4 })).toEqual([4]);
  });
});

/** Instances of each role after the decisions, serving and coming; a drained group is gone. */
function rolesAfter(view: ClusterView, decisions: readonly Decision[]): Record<string, number> {
  const counts: Record<string, number> = { interactive: 0, mixed: 0, batch: 0 };
  const roleOf = new Map(view.groups.map(({ id, role }) => [id, role]));
  const drained = new Set<number>();
  const kept = new Set<number>();
  for (const decision of decisions) {
    if (decision.kind === 'setRole') roleOf.set(decision.groupId, decision.role);
    else if (decision.kind === 'drain') drained.add(decision.groupId);
    else if (decision.kind === 'cancelDrain') kept.add(decision.groupId);
    else if (decision.kind === 'scaleUp') counts[decision.role ?? 'mixed']! += decision.numInstances;
  }
  for (const { id, phase, stages } of view.groups) {
    if (!drained.has(id) && (phase !== 'draining' || kept.has(id))) counts[roleOf.get(id)!]! += stages.length;
  }
  return counts;
}

const wanted = (interactive: number, mixed: number, batch: number) => ({
  numInstances: { interactive, mixed, batch },
  reason: 'a test',
});
const kinds = (decisions: readonly Decision[]) => decisions.map(({ kind }) => kind);

describe('taking instances to the wanted roles', () => {
  it('changes roles before it starts or drains anything', () => {
    const view = clusterView(
      groupsOf([
        ['mixed', 2],
        ['mixed', 0],
        ['mixed', 1],
        ['batch', 0],
      ]),
      { maxInstances: 16 },
    );
    const decisions = rebalance(view, wanted(1, 1, 2), censusOf(view));
    expect(kinds(decisions)).toEqual(['setRole', 'setRole']);
    expect(rolesAfter(view, decisions)).toEqual({ interactive: 1, mixed: 1, batch: 2 });
    // The one without interactive requests becomes a batch instance.
    expect(decisions).toContainEqual({ kind: 'setRole', groupId: 1, role: 'batch', reason: 'a test' });
  });

  it('starts what is missing, and drains the idlest of what is too many', () => {
    const view = clusterView(
      groupsOf([
        ['mixed', 2],
        ['mixed', 1],
        ['mixed', 3],
      ]),
      { maxInstances: 5 },
    );
    expect(rebalance(view, wanted(0, 3, 1), censusOf(view))).toEqual([
      { kind: 'scaleUp', numInstances: 1, role: 'batch', reason: 'a test' },
    ]);
    expect(rebalance(view, wanted(0, 2, 0), censusOf(view))).toEqual([
      { kind: 'drain', groupId: 1, reason: 'a test' },
    ]);
  });

  it('never asks for more than the cluster may have, interactive requests first', () => {
    const view = clusterView(groupsOf([['mixed', 1]]), { maxInstances: 4 });
    const decisions = rebalance(view, wanted(0, 3, 3), censusOf(view));
    expect(rolesAfter(view, decisions)).toEqual({ interactive: 0, mixed: 3, batch: 1 });
  });

  it('reaches the wanted numbers from anywhere, within the limit, with decisions that can be carried out', () => {
    const arbitraryGroup = fc.record({
      role: fc.constantFrom(...allRoles),
      phase: fc.constantFrom('serving', 'serving', 'loading', 'draining', 'merging'),
      numInteractive: fc.nat(3),
    });
    const counts = fc.record({ interactive: fc.nat(3), mixed: fc.nat(6), batch: fc.nat(6) });
    fc.assert(
      fc.property(
        fc.array(arbitraryGroup, { maxLength: 10 }),
        counts,
        fc.nat(6),
        (list, numInstances, spare) => {
          const groups = groupsOf(
            list.map(({ role, numInteractive }) => [role, numInteractive] as const),
          ).map((group, index): GroupView => ({ ...group, phase: list[index]!.phase }));
          const view = clusterView(groups, { maxInstances: groups.length + spare });
          const decisions = rebalance(view, { numInstances, reason: 'a test' }, censusOf(view));
          const byGroup = decisions.filter((decision) => 'groupId' in decision).map(({ groupId }) => groupId);
          expect(new Set(byGroup).size).toBe(byGroup.length);
          for (const decision of decisions) {
            const phase = 'groupId' in decision ? groups[decision.groupId]!.phase : undefined;
            if (decision.kind === 'drain') expect(['serving', 'loading']).toContain(phase);
            if (decision.kind === 'setRole') expect(phase).toBe('serving');
            if (decision.kind === 'cancelDrain') expect(phase).toBe('draining');
          }
          const started = decisions.reduce(
            (sum, each) => sum + (each.kind === 'scaleUp' ? each.numInstances : 0),
            0,
          );
          expect(started).toBeLessThanOrEqual(spare);
          const after = rolesAfter(view, decisions);
          for (const role of allRoles) {
            const stuck = groups.filter((group) => group.role === role && group.phase === 'merging').length;
            // Too few only where there was no room for more; too many only what cannot be drained now.
            if (started < spare) expect(after[role]).toBeGreaterThanOrEqual(numInstances[role]);
            expect(after[role]).toBeLessThanOrEqual(Math.max(numInstances[role], stuck));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

function created(settings: object, view: ClusterView) {
  const census = censusOf(view);
  const learned = { classes, census, lengths: new OutputLengths(), throughput: new Throughput() };
  return { global: new GlobalAutoscaler(params.parse(settings), learned, deps), ...learned };
}

const rolesAtStart = (numInstances: number, settings: object): Record<string, number> => {
  const view = clusterView(groupsOf(Array.from({ length: numInstances }, () => ['mixed', 0] as const)));
  return rolesAfter(view, created(settings, view).global.begin(view));
};

describe('the global autoscaler', () => {
  it('decides once in the time that an instance takes to start', () => {
    const view = clusterView(groupsOf([['mixed', 1]]), { maxInstances: 16 });
    const { global } = created({}, view);
    const startUs = coldStartUs(deps.model, deps.startHardware);
    expect(startUs).toBeGreaterThan(0);
    expect(global.intervalUs).toBe(startUs);
    expect(global.poll({ ...view, nowUs: startUs - 1 })).toEqual([]);
    expect(rolesAfter(view, global.poll({ ...view, nowUs: startUs }))).toEqual({
      interactive: 1,
      mixed: 2,
      batch: 0,
    });
    expect(global.poll({ ...view, nowUs: startUs + 1 })).toEqual([]);
    expect(created({ intervalS: 7 }, view).global.intervalUs).toBe(7e6);
  });

  it('gives roles at the start, and always leaves a mixed instance', () => {
    expect(rolesAtStart(4, {})).toEqual({ interactive: 1, mixed: 3, batch: 0 });
    expect(rolesAtStart(4, { interactiveInstances: 2, batchInstances: 1 })).toEqual({
      interactive: 2,
      mixed: 1,
      batch: 1,
    });
    expect(rolesAtStart(1, { batchInstances: 3 })).toEqual({ interactive: 0, mixed: 1, batch: 0 });
    expect(rolesAtStart(2, { batchInstances: 3 })).toEqual({ interactive: 0, mixed: 1, batch: 1 });
    expect(rolesAtStart(0, { batchInstances: 3 })).toEqual({ interactive: 0, mixed: 0, batch: 0 });
  });

  it('does not scale only to give roles to pipelines', () => {
    const view = clusterView([groupView(0, 2), groupView(1, 2)], { maxInstances: 16 });
    expect(created({}, view).global.begin(view)).toEqual([]);
  });

  it('makes batch instances mixed where interactive requests need what the cluster may not have more of', () => {
    const groups = groupsOf([
      ['mixed', 3],
      ['mixed', 3],
      ['batch', 0],
      ['batch', 0],
    ]);
    const view = clusterView(groups, {
      nowUs: 10e6,
      held: heldView([requestView(9, { className: 'bulk' })]),
    });
    const { global } = created({ intervalS: 1, interactiveInstances: 0 }, view);
    expect(rolesAfter(view, global.poll(view))).toEqual({ interactive: 0, mixed: 4, batch: 0 });
  });

  it('gives batch requests the instances that interactive ones no longer need', () => {
    const held = heldView(
      Array.from({ length: 9000 }, (_, id) => requestView(id, { className: 'bulk', outputLimitTokens: 100 })),
    );
    const view = clusterView(
      groupsOf([
        ['mixed', 0],
        ['mixed', 0],
        ['mixed', 0],
      ]),
      { nowUs: 10e6, held },
    );
    const { global, throughput } = created({ intervalS: 1, scaleInAfter: 1 }, view);
    throughput.observe(view.groups[0]!, windowOf(1000));
    const decisions = global.poll(view);
    expect(decisions.filter(({ kind }) => kind === 'setRole')).toHaveLength(1);
    expect(rolesAfter(view, decisions)).toEqual({ interactive: 0, mixed: 1, batch: 1 });
  });

  it('starts instances for late batch requests, or only says that they are late', () => {
    const held = heldView(
      Array.from({ length: 9000 }, (_, id) => requestView(id, { className: 'bulk', outputLimitTokens: 100 })),
    );
    const view = clusterView(groupsOf([['mixed', 0]]), { nowUs: 10e6, held, maxInstances: 16 });
    const batchAfter = (settings: object) => {
      const { global, throughput } = created({ intervalS: 1, ...settings }, view);
      throughput.observe(view.groups[0]!, windowOf(1000));
      const { batch } = rolesAfter(view, global.poll(view));
      return { batch, late: global.maxLate, most: global.maxBatch };
    };
    expect(batchAfter({})).toEqual({ batch: 1, late: 1, most: 1 });
    expect(batchAfter({ batchPressure: false })).toEqual({ batch: 0, late: 1, most: 0 });
    expect(batchAfter({ batchPressure: false, batchInstances: 3 })).toEqual({ batch: 3, late: 1, most: 3 });
  });

  it('says why', () => {
    const view = clusterView(groupsOf([['mixed', 1]]), { nowUs: 10e6, maxInstances: 16 });
    const [decision] = created({ intervalS: 1 }, view).global.poll(view);
    expect(decision?.reason).toBe(
      '1 of 1 interactive and mixed instances busy; 0 groups of batch requests late',
    );
  });

  it('comes to rest under any load that stays as it is', () => {
    const load = fc.record({
      numBusy: fc.nat(5),
      numHeld: fc.nat(3),
      theta: fc.constantFrom(1 / 3, 0.6, 1),
      step: fc.constantFrom('target', 'one'),
      maxInstances: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(load, ({ numBusy, numHeld, theta, step, maxInstances }) => {
        const held = heldView(
          Array.from({ length: numHeld }, (_, id) => requestView(id, { className: 'bulk' })),
        );
        let counts: Record<string, number> = { interactive: 0, mixed: 1, batch: 0 };
        const viewOf = (nowUs: number): ClusterView => {
          const list: [Role, number][] = [];
          for (const role of allRoles) {
            for (let index = 0; index < counts[role]!; index += 1) {
              const isBusy = role !== 'batch' && list.length < numBusy;
              list.push([role, isBusy ? 1 : 0]);
            }
          }
          return clusterView(groupsOf(list), { nowUs, held, maxInstances });
        };
        const { global, census } = created({ intervalS: 1, theta, step }, viewOf(0));
        const seen: string[] = [];
        for (let round = 1; round <= 30; round += 1) {
          const view = viewOf(round * 1e6);
          census.recount(view);
          counts = rolesAfter(view, global.poll(view));
          const total = allRoles.reduce((sum, role) => sum + counts[role]!, 0);
          expect(total).toBeGreaterThanOrEqual(1);
          expect(total).toBeLessThanOrEqual(maxInstances);
          seen.push(JSON.stringify(counts));
        }
        expect(new Set(seen.slice(-10)).size).toBe(1);
      }),
      { numRuns: 100 },
    );
  });
});
