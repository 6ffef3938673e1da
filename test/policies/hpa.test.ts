import { describe, expect, it } from 'vitest';
import type { GroupView, Policy } from '../../harness/policy/index.ts';
import { ScalingBehavior } from '../../policies/hpa/behavior.ts';
import { hpa } from '../../policies/hpa/hpa.ts';
import { recommendByPods, recommendByTotal } from '../../policies/hpa/recommend.ts';
import * as fc from '../fast-check.ts';
import { ToyFleet } from './toy-fleet.ts';
import { clusterView, deps, groupView, instanceView } from '../../harness/conformance/view-builders.ts';

const second = 1e6;
const goal = { target: 0.5, tolerance: 0.1 };

/** Values of the pods that show one, pods with missing metrics, pods that are not ready. */
function pods(values: readonly number[], numMissing = 0, numPending = 0) {
  return { values, numMissing, numPending };
}

describe('recommendByPods', () => {
  it('asks for ceil(replicas * metric / target)', () => {
    expect(recommendByPods(pods([1, 1]), goal, 2)).toBe(4);
    expect(recommendByPods(pods([0.25, 0.25, 0.25, 0.25]), goal, 4)).toBe(2);
    expect(recommendByPods(pods([0.9, 0.4]), goal, 2)).toBe(3);
    expect(recommendByPods(pods([0, 0]), goal, 2)).toBe(0);
  });

  it('does not ask for one more because of the last bits of a sum', () => {
    // 0.1 + 0.1 + 0.1 is a little more than 0.3 in binary.
    expect(recommendByPods(pods([0.1, 0.1, 0.1]), { target: 0.05, tolerance: 0.1 }, 3)).toBe(6);
  });

  it('leaves a ratio alone that is within the tolerance, and only that', () => {
    expect(recommendByPods(pods([0.55, 0.55]), goal, 2)).toBe(2);
    expect(recommendByPods(pods([0.56, 0.56]), goal, 2)).toBe(3);
    expect(recommendByPods(pods(Array(10).fill(0.45)), goal, 10)).toBe(10);
    expect(recommendByPods(pods(Array(10).fill(0.44)), goal, 10)).toBe(9);
  });

  it('counts pods that are not ready or show nothing as idle on the way up', () => {
    // Two at 0.9 alone would ask for 4; with a third at 0 the ratio is 1.2, with a fourth 0.9.
    expect(recommendByPods(pods([0.9, 0.9]), goal, 2)).toBe(4);
    expect(recommendByPods(pods([0.9, 0.9], 1), goal, 3)).toBe(4);
    expect(recommendByPods(pods([0.9, 0.9], 0, 1), goal, 3)).toBe(4);
    expect(recommendByPods(pods([0.9, 0.9, 0.9], 1, 1), goal, 5)).toBe(5);
  });

  it('does nothing where they would turn the direction round', () => {
    expect(recommendByPods(pods([0.9, 0.9], 1, 1), goal, 4)).toBe(4);
    expect(recommendByPods(pods([0.9], 0, 7), goal, 8)).toBe(8);
  });

  it('counts missing metrics as exactly at the target on the way down, never as idle', () => {
    expect(recommendByPods(pods([0.1, 0.1, 0.1, 0.1], 4), goal, 8)).toBe(5);
    expect(recommendByPods(pods([0.1], 1), goal, 2)).toBe(2);
    // 0.4 with nine at the target is a ratio of 0.98, which is close enough.
    expect(recommendByPods(pods([0.4], 9), goal, 10)).toBe(10);
  });

  it('leaves pods that are not ready out on the way down', () => {
    expect(recommendByPods(pods([0.1, 0.1, 0.1, 0.1], 0, 2), goal, 6)).toBe(1);
    // Of the ten, 92 % of the target is close enough; the two would make it 77 %.
    expect(recommendByPods(pods(Array(10).fill(0.46), 0, 2), goal, 12)).toBe(12);
  });

  it('never reverses where there are more or fewer pods than replicas wanted', () => {
    expect(recommendByPods(pods([0.9, 0.9, 0.9], 0, 9), goal, 4)).toBe(4);
    expect(recommendByPods(pods([0.9, 0.9]), goal, 5)).toBe(5);
    expect(recommendByPods(pods([0.1, 0.1, 0.1, 0.1, 0.1, 0.1]), goal, 1)).toBe(1);
  });

  it('has nothing to say when no pod shows anything', () => {
    expect(recommendByPods(pods([], 2, 1), goal, 3)).toBeUndefined();
  });

  const anyPods = fc.record({
    values: fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 1, maxLength: 12 }),
    numMissing: fc.nat(5),
    numPending: fc.nat(5),
  });

  it('never asks for fewer when a pod shows more', () => {
    fc.assert(
      fc.property(anyPods, fc.nat(11), fc.double({ min: 0, max: 2, noNaN: true }), (some, which, more) => {
        const replicas = some.values.length + some.numMissing + some.numPending;
        const index = which % some.values.length;
        const raised = some.values.map((value, at) => (at === index ? value + more : value));
        const before = recommendByPods(some, goal, replicas) as number;
        expect(recommendByPods({ ...some, values: raised }, goal, replicas)).toBeGreaterThanOrEqual(before);
      }),
    );
  });

  it('never moves further for a pod that shows nothing than it would if the pod were not there', () => {
    fc.assert(
      fc.property(anyPods, (some) => {
        const replicas = some.values.length + some.numMissing + some.numPending;
        const bare = some.values.reduce((sum, value) => sum + value, 0) / goal.target;
        const wanted = recommendByPods(some, goal, replicas) as number;
        if (wanted > replicas) expect(wanted).toBeLessThanOrEqual(Math.ceil(bare));
        if (wanted < replicas) expect(wanted).toBeGreaterThanOrEqual(Math.floor(bare));
      }),
    );
  });
});

describe('recommendByTotal', () => {
  it('shares one figure out over the replicas', () => {
    const aim = { target: 5, tolerance: 0.1 };
    expect(recommendByTotal(23, aim, 2)).toBe(5);
    expect(recommendByTotal(0, aim, 2)).toBe(0);
    expect(recommendByTotal(11, aim, 2)).toBe(2);
    expect(recommendByTotal(12, aim, 2)).toBe(3);
  });
});

/** Recommends something at each time in seconds, to a deployment that does as it is told; what there is after each. */
function follow(
  about: Partial<ConstructorParameters<typeof ScalingBehavior>[0]>,
  start: number,
  steps: readonly (readonly [number, number])[],
  maxInstances = 100,
): number[] {
  const { metrics: _, syncS: __, tolerance: ___, ...defaults } = hpa.params.parse({});
  const behavior = new ScalingBehavior({ ...defaults, ...about });
  let replicas = start;
  return steps.map(([seconds, recommended]) => {
    replicas = behavior.next({ nowUs: seconds * second, replicas, recommended, maxInstances });
    return replicas;
  });
}

describe('ScalingBehavior', () => {
  it('adds four or doubles in 15 s, whichever is more', () => {
    const steps = [0, 15, 30, 45].map((seconds) => [seconds, 40] as const);
    expect(follow({}, 1, steps)).toEqual([5, 10, 20, 40]);
  });

  it('counts the rate over the period, however often it syncs', () => {
    const steps = [0, 5, 10, 15, 20].map((seconds) => [seconds, 40] as const);
    expect(follow({}, 1, steps)).toEqual([5, 5, 5, 10, 10]);
  });

  it('goes down to the highest recommendation of the last 300 s, and not before those are over', () => {
    const steps = [
      [0, 6],
      [15, 2],
      [150, 4],
      [285, 2],
      [299, 2],
      [300, 2],
      [449, 2],
      [450, 2],
    ] as const;
    expect(follow({}, 6, steps)).toEqual([6, 6, 6, 6, 6, 4, 4, 2]);
  });

  it('removes nothing at once that was there before it began', () => {
    const steps = [
      [0, 1],
      [299, 1],
      [300, 1],
    ] as const;
    expect(follow({}, 6, steps)).toEqual([6, 6, 1]);
  });

  it('goes up at once unless told to wait, and then by the lowest recommendation', () => {
    const steps = [
      [0, 5],
      [30, 4],
      [59, 5],
      [60, 5],
      [95, 5],
    ] as const;
    expect(follow({}, 2, steps)).toEqual([5, 5, 5, 5, 5]);
    expect(follow({ upWindowS: 60 }, 2, steps)).toEqual([2, 2, 2, 4, 5]);
  });

  it('removes at most the share of a period', () => {
    const steps = [
      [0, 10],
      [10, 10],
      [15, 10],
      [30, 10],
    ] as const;
    expect(follow({ downWindowS: 0, downPercent: 10 }, 80, steps)).toEqual([72, 72, 64, 57]);
  });

  describe('with policies as in scaleDown.policies', () => {
    const downPolicies = [
      { type: 'percent', value: 10, periodS: 60 },
      { type: 'pods', value: 5, periodS: 60 },
    ] as const;
    const steps = [
      [0, 10],
      [30, 10],
      [60, 10],
      [120, 10],
    ] as const;

    it('takes the one that allows most, each over its own period', () => {
      // The example of the documentation: 10 % of 80 are more than 5; of 40 they are fewer.
      expect(follow({ downWindowS: 0, downPolicies: [...downPolicies] }, 80, steps)).toEqual([
        72, 72, 64, 57,
      ]);
      expect(follow({ downWindowS: 0, downPolicies: [...downPolicies] }, 40, steps)).toEqual([
        35, 35, 30, 25,
      ]);
    });

    it('takes the one that allows least with downSelect: min', () => {
      const downSelect = 'min';
      expect(follow({ downWindowS: 0, downPolicies: [...downPolicies], downSelect }, 80, steps)).toEqual([
        75, 75, 70, 65,
      ]);
    });

    it('counts what was removed within the period of each', () => {
      const own = [
        { type: 'pods', value: 1, periodS: 15 },
        { type: 'pods', value: 3, periodS: 60 },
      ] as const;
      const often = [0, 15, 30, 45, 60].map((at) => [at, 1] as const);
      expect(follow({ downWindowS: 0, downPolicies: [...own], downSelect: 'min' }, 9, often)).toEqual([
        8, 7, 6, 6, 5,
      ]);
    });

    it('removes nothing with downSelect: disabled, and adds nothing with upSelect: disabled', () => {
      expect(follow({ downWindowS: 0, downSelect: 'disabled' }, 12, steps)).toEqual([12, 12, 12, 12]);
      expect(follow({ upSelect: 'disabled' }, 8, steps)).toEqual([8, 8, 8, 8]);
    });

    it('adds by upPolicies alike', () => {
      const upPolicies = [{ type: 'pods' as const, value: 1, periodS: 60 }];
      const up = [0, 30, 60].map((at) => [at, 9] as const);
      expect(follow({ upPolicies }, 2, up)).toEqual([3, 3, 4]);
    });
  });

  it('keeps the bounds, its own and those of the cluster', () => {
    expect(follow({ minReplicas: 2, downWindowS: 0 }, 4, [[0, 0]])).toEqual([2]);
    expect(follow({ maxReplicas: 3 }, 2, [[0, 9]])).toEqual([3]);
    expect(follow({ maxReplicas: 9 }, 2, [[0, 9]], 4)).toEqual([4]);
    expect(follow({ minReplicas: 3 }, 1, [[0, 1]])).toEqual([3]);
  });

  it('never leaves the bounds nor the rate, and never goes down faster than the window lets it', () => {
    const step = fc.record({ wait: fc.integer({ min: 1, max: 60 }), wanted: fc.nat(60) });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 2, max: 20 }),
        (steps, start) => {
          let seconds = 0;
          const timed = steps.map(({ wait, wanted }) => {
            seconds += wait;
            return [seconds, wanted] as const;
          });
          let before = start;
          follow({ minReplicas: 2, maxReplicas: 20 }, start, timed).forEach((replicas, index) => {
            const [at] = timed[index] as readonly [number, number];
            const recent = timed.slice(0, index + 1).filter(([time]) => at - time < 300);
            expect(replicas).toBeGreaterThanOrEqual(2);
            expect(replicas).toBeLessThanOrEqual(Math.min(20, Math.max(before + 4, 2 * before)));
            if (replicas < before) expect(replicas).toBe(Math.max(2, ...recent.map(([, wanted]) => wanted)));
            before = replicas;
          });
        },
      ),
    );
  });
});

function createHpa(params: object): Policy {
  return hpa.create(hpa.params.parse(params), deps);
}

const byRequests = { metrics: [{ metric: 'requests', target: 10 }] };

/** A group of one with so many of 100 cells in use. */
function inState(id: number, state: 'ready' | 'draining', usedCells: number): GroupView {
  const instance = instanceView(id, { state, usedCells, totalCells: 100 });
  const phase = state === 'ready' ? 'serving' : 'draining';
  return groupView(id, 1, { phase, stages: [{ instance, firstLayer: 0, numLayers: 4 }] });
}

/** What three instances become under so many requests. */
function sizeFor(numRequests: number): number {
  const fleet = new ToyFleet({ numInstances: 3, maxInstances: 40 });
  return fleet.run(createHpa(byRequests), 120 * second, () => numRequests).at(-1) as number;
}

describe('hpa', () => {
  it('syncs every 15 s with the defaults of Kubernetes', () => {
    expect(createHpa({}).tickUs).toBe(15 * second);
    expect(hpa.params.parse({})).toMatchObject({
      tolerance: 0.1,
      upWindowS: 0,
      downWindowS: 300,
      upPods: 4,
      upPercent: 100,
      downPercent: 100,
      periodS: 15,
    });
    expect(createHpa({ syncS: 0.02 }).tickUs).toBe(20_000);
  });

  it('takes the largest count of several metrics, and says which', () => {
    const metrics = [
      { metric: 'kv-usage', target: 0.5 },
      { metric: 'requests', target: 4 },
    ];
    const policy = createHpa({ metrics });
    const fleet = new ToyFleet({ numInstances: 2, maxInstances: 16, capacity: 20 });
    // 20 requests on two instances: half of the memory is at its target, 10 requests are 2.5 times theirs.
    expect(policy.onTick?.(fleet.view(20))).toEqual([
      {
        kind: 'scaleUp',
        numInstances: 3,
        reason: 'requests 10.00 on 2 instances, target 4: 2 to 5 replicas',
      },
    ]);
  });

  it('tells waiting requests from running ones', () => {
    const policy = createHpa({ metrics: [{ metric: 'waiting', target: 5 }] });
    const fleet = new ToyFleet({ numInstances: 2, maxInstances: 16, capacity: 10 });
    fleet.run(policy, 15 * second, () => 20 + 30);
    expect(fleet.size).toBe(6);
  });

  it('asks once for what a burst needs, though none of it is ready for a while', () => {
    const fleet = new ToyFleet({
      numInstances: 2,
      maxInstances: 32,
      provisioningUs: 60 * second,
      loadingUs: 60 * second,
    });
    const sizes = fleet.run(createHpa(byRequests), 180 * second, () => 40);
    expect(sizes).toEqual(Array(12).fill(4));
  });

  it('ignores instances that drain: neither their load nor their number counts', () => {
    const policy = createHpa({ downWindowS: 0 });
    const view = clusterView([inState(0, 'ready', 70), inState(1, 'draining', 100)], { maxInstances: 8 });
    expect(policy.onTick?.(view)).toEqual([]);
  });

  it('changes nothing while no instance shows anything', () => {
    const fleet = new ToyFleet({ numInstances: 0, maxInstances: 8 });
    fleet.apply([{ kind: 'scaleUp', numInstances: 3, reason: 'start' }]);
    expect(createHpa({ downWindowS: 0 }).onTick?.(fleet.view(0))).toEqual([]);
  });

  it('asks again for what the cluster had no room for', () => {
    const policy = createHpa(byRequests);
    const full = new ToyFleet({ numInstances: 2, maxInstances: 2 });
    const free = new ToyFleet({ numInstances: 2, maxInstances: 4 });
    expect(policy.onTick?.({ ...full.view(40), maxInstances: 4, numInstances: 4 })).toEqual([]);
    expect(policy.onTick?.(free.view(20))).toMatchObject([{ kind: 'scaleUp', numInstances: 2 }]);
  });

  it('replaces an instance that has failed, though the load asks for no more', () => {
    const policy = createHpa(byRequests);
    const fleet = new ToyFleet({ numInstances: 4, maxInstances: 8 });
    fleet.run(policy, 15 * second, () => 40);
    fleet.fail(policy);
    expect([fleet.count('ready'), fleet.count('provisioning')]).toEqual([3, 1]);
  });

  it('refuses bounds that exclude each other', () => {
    expect(hpa.params.safeParse({ minReplicas: 4, maxReplicas: 3 }).success).toBe(false);
  });

  it('stays within the bounds whatever the load does', () => {
    const loads = fc.array(fc.nat(400), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(loads, fc.integer({ min: 2, max: 12 }), (load, numInstances) => {
        const fleet = new ToyFleet({ numInstances, maxInstances: 12 });
        const policy = createHpa({ ...byRequests, minReplicas: 2, downWindowS: 30 });
        const sizes = fleet.run(
          policy,
          load.length * 15 * second,
          (nowUs) => load[nowUs / (15 * second) - 1] ?? 0,
        );
        expect(sizes).toHaveLength(load.length);
        for (const size of sizes) expect(size >= 2 && size <= 12).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('does not flap at constant load, with any metric', () => {
    const metrics = fc.constantFrom({ metric: 'kv-usage', target: 0.7 }, { metric: 'requests', target: 6 });
    fc.assert(
      fc.property(
        fc.nat(150),
        fc.integer({ min: 1, max: 16 }),
        metrics,
        (numRequests, numInstances, metric) => {
          const fleet = new ToyFleet({ numInstances, maxInstances: 16, provisioningUs: 20 * second });
          const policy = createHpa({ metrics: [metric], downWindowS: 60 });
          const sizes = fleet.run(policy, 1200 * second, () => numRequests);
          expect(new Set(sizes.slice(-40)).size).toBe(1);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('wants no fewer instances for more load', () => {
    fc.assert(
      fc.property(fc.nat(150), fc.nat(50), (numRequests, more) => {
        expect(sizeFor(numRequests + more)).toBeGreaterThanOrEqual(sizeFor(numRequests));
      }),
      { numRuns: 50 },
    );
  });
});
