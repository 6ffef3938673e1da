import { describe, expect, it } from 'vitest';
import type { Decision, Policy } from '../../harness/policy/index.ts';
import { kedaQueue } from '../../policies/keda-queue/keda-queue.ts';
import * as fc from '../fast-check.ts';
import { ToyFleet } from './toy-fleet.ts';
import {
  clusterView,
  deps,
  groupView,
  heldView,
  requestView,
} from '../../harness/conformance/view-builders.ts';

const second = 1e6;

function createKeda(params: object): Policy {
  return kedaQueue.create(kedaQueue.params.parse(params), deps);
}

/** What is decided at a time, with so many requests held at the cluster and so many instances. */
function tick(policy: Policy, seconds: number, numWaiting: number, numInstances = 1): readonly Decision[] {
  const held = heldView(Array.from({ length: numWaiting }, (_, id) => requestView(id)));
  const groups = Array.from({ length: numInstances }, (_, id) => groupView(id, 1));
  return policy.onTick?.(clusterView(groups, { nowUs: seconds * second, held, maxInstances: 20 })) ?? [];
}

const none = { downWindowS: 0, minReplicas: 0, cooldownS: 100 };

describe('the HorizontalPodAutoscaler behind it', () => {
  it('aims at so many waiting requests for each replica, those held at the cluster among them', () => {
    expect(tick(createKeda({ target: 5 }), 15, 12)).toEqual([
      { kind: 'scaleUp', numInstances: 2, reason: '12 requests wait, target 5 a replica: 1 to 3 replicas' },
    ]);
    const waiting = [0, 1, 2].map((id) => requestView(id));
    const view = clusterView([groupView(0, 1, { waiting })], { nowUs: 15 * second, maxInstances: 9 });
    expect(createKeda({ target: 1 }).onTick?.(view)).toMatchObject([{ kind: 'scaleUp', numInstances: 2 }]);
  });

  it('syncs on its own, with fresh figures unless told to use those of the last poll', () => {
    const fresh = createKeda({ target: 1 });
    expect(fresh.tickUs).toBe(15 * second);
    expect(tick(fresh, 15, 1)).toEqual([]);
    expect(tick(fresh, 30, 3)).toHaveLength(1);

    const cached = createKeda({ target: 1, cachedMetrics: true });
    expect(tick(cached, 15, 1)).toEqual([]);
    expect(tick(cached, 30, 3)).toEqual([]);
    expect(tick(cached, 45, 3)).toHaveLength(1);
  });

  it('looks as often as the shorter of the two periods', () => {
    expect(createKeda({ pollS: 0.2, syncS: 0.5 }).tickUs).toBe(0.2 * second);
    const policy = createKeda({ pollS: 5, syncS: 15, target: 1 });
    expect(tick(policy, 5, 4)).toHaveLength(1);
    expect(tick(policy, 10, 12)).toEqual([]);
    expect(tick(policy, 20, 12)).toHaveLength(1);
  });

  it('never takes the last replica away', () => {
    const policy = createKeda({ downWindowS: 0 });
    expect(tick(policy, 15, 0, 4)).toHaveLength(3);
    expect(tick(policy, 1000, 0)).toEqual([]);
  });

  it('is as slow to go down as any', () => {
    const policy = createKeda({});
    expect(tick(policy, 15, 0, 4)).toEqual([]);
    expect(tick(policy, 300, 0, 4)).toEqual([]);
    expect(tick(policy, 315, 0, 4)).toHaveLength(3);
  });
});

describe('KEDA itself', () => {
  it('takes the last replicas away a cooldown after the source was active', () => {
    const policy = createKeda(none);
    expect(tick(policy, 30, 1)).toEqual([]);
    expect(tick(policy, 60, 0)).toEqual([]);
    expect(tick(policy, 120, 0)).toEqual([]);
    expect(tick(policy, 150, 0)).toEqual([
      { kind: 'drain', groupId: 0, reason: '0 requests wait, for 100 s: 1 to 0 replicas' },
    ]);
  });

  it('does so at once where the source has never been active', () => {
    expect(tick(createKeda(none), 30, 0)).toHaveLength(1);
  });

  it('brings the first back when it next looks, and leaves the rest to the autoscaler', () => {
    const policy = createKeda({ ...none, target: 1 });
    tick(policy, 30, 0);
    expect(tick(policy, 45, 9, 0)).toEqual([]);
    expect(tick(policy, 60, 9, 0)).toEqual([
      { kind: 'scaleUp', numInstances: 1, reason: '9 requests wait: 0 to 1 replicas' },
    ]);
    expect(tick(policy, 75, 9, 1)).toEqual([
      { kind: 'scaleUp', numInstances: 4, reason: '9 requests wait, target 1 a replica: 1 to 5 replicas' },
    ]);
  });

  it('takes no more waiting requests than the threshold for activity', () => {
    const policy = createKeda({ ...none, activationThreshold: 3 });
    expect(tick(policy, 30, 3)).toHaveLength(1);
    expect(tick(policy, 60, 3, 0)).toEqual([]);
    expect(tick(policy, 90, 4, 0)).toHaveLength(1);
  });

  it('keeps the last replica where one is the minimum, however long nothing waits', () => {
    const policy = createKeda({ ...none, minReplicas: 1 });
    expect(tick(policy, 30, 0)).toEqual([]);
    expect(tick(policy, 10_000, 0)).toEqual([]);
  });
});

/** Sizes of the fleet at each look, with a queue that stays what it is. */
function sizesAt(numWaiting: number): readonly number[] {
  const fleet = new ToyFleet({ numInstances: 2, maxInstances: 12, capacity: 0 });
  return fleet.run(createKeda({ target: 5 }), 1200 * second, () => numWaiting);
}

it('stays within the bounds, settles while the queue stays, and wants no fewer for a longer queue', () => {
  fc.assert(
    fc.property(fc.nat(120), fc.nat(40), (numWaiting, more) => {
      const sizes = sizesAt(numWaiting);
      for (const size of sizes) expect(size >= 1 && size <= 12).toBe(true);
      expect(new Set(sizes.slice(-40)).size).toBe(1);
      expect(sizesAt(numWaiting + more).at(-1)).toBeGreaterThanOrEqual(sizes.at(-1) as number);
    }),
    { numRuns: 30 },
  );
});

it('replaces an instance that has failed', () => {
  const policy = createKeda({});
  const fleet = new ToyFleet({ numInstances: 3, maxInstances: 8 });
  fleet.run(policy, 15 * second, () => 0);
  fleet.fail(policy);
  expect([fleet.count('ready'), fleet.count('provisioning')]).toEqual([2, 1]);
});
