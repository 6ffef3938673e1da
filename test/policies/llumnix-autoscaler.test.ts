import { describe, expect, it } from 'vitest';
import type { ClusterView, Decision, GroupView } from '../../harness/policy/index.ts';
import { llumnixAutoscaler } from '../../policies/llumnix/autoscaler.ts';
import * as fc from '../fast-check.ts';
import {
  clusterView,
  deps,
  groupView,
  heldView,
  requestView,
} from '../../harness/conformance/view-builders.ts';

function check(view: ClusterView, params: object = {}): readonly Decision[] {
  const policy = llumnixAutoscaler.create(
    llumnixAutoscaler.params.parse({ warmUpChecks: 0, ...params }),
    deps,
  );
  return policy.onTick?.(view) ?? [];
}

/** An instance of 1000 blocks, 10 of them watermark, with so many requests of so many blocks each. */
function instance(
  id: number,
  numRequests: number,
  blocksEach: number,
  about: Partial<GroupView> = {},
): GroupView {
  const used = numRequests * blocksEach;
  return groupView(id, 1, {
    running: Array.from({ length: numRequests }, (_, index) => requestView(1000 * id + index)),
    totalBlocks: 1000,
    freeBlocks: 1000 - used,
    demandBlocks: used,
    ...about,
  });
}

/** Room for eight instances. */
function cluster(...groups: readonly GroupView[]): ClusterView {
  return clusterView(groups, { nowUs: 10_000_000, maxInstances: 8 });
}

const loading = (id: number): GroupView => instance(id, 0, 0, { phase: 'loading', acceptsRequests: false });
const draining = (id: number, numRequests: number, blocksEach: number): GroupView =>
  instance(id, numRequests, blocksEach, { phase: 'draining', acceptsRequests: false });

/** 50 blocks left for 10 requests: 5 each, half of what there must be. */
const full = (id: number): GroupView => instance(id, 10, 94);
/** 890 blocks left for 10 requests: 89 each, but fewer than none without the instance. */
const calm = (id: number): GroupView => instance(id, 10, 10);

describe('within the bounds', () => {
  it('nothing is done', () => {
    // 1980 blocks less 1000, for 40 requests: 24.5 each.
    expect(check(cluster(instance(1, 20, 25), instance(2, 20, 25)))).toEqual([]);
  });

  it('the bounds are blocks of 16 tokens per request, at any block size', () => {
    // 990 blocks less 890, for 10 requests: exactly 10 each.
    const atBound = instance(1, 10, 89);
    expect(check(cluster(atBound))).toEqual([]);
    expect(check(cluster(instance(1, 10, 90)))).toMatchObject([{ kind: 'scaleUp' }]);
    const fourTimesLarger = { ...cluster(instance(1, 40, 22)), blockSizeTokens: 64 };
    expect(check(fourTimesLarger)).toEqual([]);
  });

  it('the step from one number to the next does not call for the step back', () => {
    // Without the second instance 61 blocks are left for each request; with it more than twice as many.
    const busier = instance(1, 10, 38);
    expect(check(cluster(busier, instance(2, 0, 0)))).toMatchObject([{ kind: 'drain', groupId: 2 }]);
    expect(check(cluster(busier))).toEqual([]);
    expect(check(cluster(busier, draining(2, 0, 0)))).toEqual([]);
  });
});

describe('too little', () => {
  it('adds as many empty instances as bring the mean freeness to the bound', () => {
    expect(check(cluster(full(1)))).toMatchObject([{ kind: 'scaleUp', numInstances: 1 }]);
    const flooded = instance(1, 100, 8, {
      waiting: Array.from({ length: 50 }, (_, id) => requestView(id)),
      waitingBlocks: 1600,
      demandBlocks: 2400,
    });
    // 150 requests want 1500 blocks beside the 2400: 2910 more than the 990 that there are.
    expect(check(cluster(flooded))).toMatchObject([{ kind: 'scaleUp', numInstances: 3 }]);
    expect(check(cluster(flooded), { add: 'one' })).toMatchObject([{ kind: 'scaleUp', numInstances: 1 }]);
  });

  it('counts requests that are held at the cluster', () => {
    const held = heldView(Array.from({ length: 50 }, (_, id) => requestView(id, { tokens: 160 })));
    expect(check({ ...cluster(calm(1)), held })).toMatchObject([{ kind: 'scaleUp' }]);
  });

  it('takes a drain back before anything is started', () => {
    expect(check(cluster(full(1), draining(2, 2, 10)))).toMatchObject([{ kind: 'cancelDrain', groupId: 2 }]);
    // 50 requests want 500 blocks beside their 4700: 1240 more than there are.
    const decisions = check(cluster(full(1), full(2), full(3), full(4), draining(5, 10, 94)));
    expect(decisions).toMatchObject([
      { kind: 'cancelDrain', groupId: 5 },
      { kind: 'scaleUp', numInstances: 1 },
    ]);
  });

  it('keeps the budget', () => {
    const view = cluster(full(1), full(2));
    expect(check(view, { maxInstances: 2 })).toEqual([]);
    expect(check(view, { maxInstances: 1 })).toEqual([]);
    expect(check({ ...view, maxInstances: 2 })).toEqual([]);
    const flooded = instance(1, 500, 1);
    expect(check({ ...cluster(flooded), maxInstances: 4 })).toMatchObject([{ numInstances: 3 }]);
    expect(check(cluster(flooded), { maxInstances: 3 })).toMatchObject([{ numInstances: 2 }]);
  });

  it('waits for instances that are starting, which are no room', () => {
    expect(check(cluster(full(1), loading(2)))).toEqual([]);
    expect(check(cluster(instance(1, 300, 1), loading(2)))).toEqual([]);
  });

  it('adds beside those that are starting what is missing in spite of them, if so configured', () => {
    const settings = { overlappingStarts: true };
    expect(check(cluster(full(1), loading(2)), settings)).toEqual([]);
    expect(check(cluster(full(1), loading(2), loading(3)), settings)).toEqual([]);
    // 300 requests want 3000 blocks beside their 300: three instances beside the one that serves.
    expect(check(cluster(instance(1, 300, 1), loading(2)), settings)).toMatchObject([
      { kind: 'scaleUp', numInstances: 2 },
    ]);
  });
});

describe('too much', () => {
  it('drains the instance with the fewest running requests, one at a time', () => {
    const view = cluster(instance(1, 3, 2), instance(2, 1, 9), instance(3, 2, 1));
    expect(check(view)).toMatchObject([{ kind: 'drain', groupId: 2 }]);
    expect(check(cluster(instance(1, 3, 2), draining(2, 1, 9), instance(3, 2, 1)))).toEqual([]);
  });

  it('only if the others stay above the bound without it', () => {
    // 79 blocks for each of 20 requests with both, 29 with one.
    expect(check(cluster(instance(1, 10, 20), instance(2, 10, 20)))).toEqual([]);
    // 61 with two of three.
    const three = cluster(instance(1, 10, 38), instance(2, 10, 38), instance(3, 0, 0));
    expect(check(three)).toMatchObject([{ kind: 'drain', groupId: 3 }]);
  });

  it('without any request as well, down to the fewest', () => {
    expect(check(cluster(instance(1, 0, 0), instance(2, 0, 0)))).toMatchObject([{ kind: 'drain' }]);
    expect(check(cluster(instance(1, 0, 0)))).toEqual([]);
    expect(check(cluster(instance(1, 0, 0), instance(2, 0, 0)), { minInstances: 2 })).toEqual([]);
  });

  it('lets instances go first that a burst called for and that are not ready when it is over', () => {
    expect(check(cluster(instance(1, 1, 1), instance(2, 1, 1), loading(3)))).toMatchObject([
      { kind: 'drain', groupId: 3 },
    ]);
  });
});

describe('the fewest', () => {
  it('are kept when one fails', () => {
    expect(check(cluster(calm(1)), { minInstances: 3 })).toMatchObject([
      { kind: 'scaleUp', numInstances: 2 },
    ]);
    expect(check(cluster(), {})).toMatchObject([{ kind: 'scaleUp', numInstances: 1 }]);
  });

  it('that are all still starting call for nothing', () => {
    const held = heldView([requestView(1)]);
    expect(check({ ...cluster(loading(1)), held }, { overlappingStarts: true })).toEqual([]);
    expect(check(cluster(loading(1), loading(2)))).toEqual([]);
  });
});

describe('what counts', () => {
  it('requests of a draining instance do, its memory does not', () => {
    // On the one that stays, 190 blocks are left for 40 requests.
    expect(check(cluster(instance(1, 20, 20), draining(2, 20, 20)))).toMatchObject([{ kind: 'cancelDrain' }]);
    expect(check(cluster(instance(1, 20, 20), instance(2, 20, 20)))).toEqual([]);
    expect(check(cluster(instance(1, 20, 20)))).toEqual([]);
  });

  it('headroom does not', () => {
    const requests = Array.from({ length: 10 }, (_, id) => requestView(id, { priority: id % 2 }));
    const classes = [
      { name: 'normal', priority: 0, slo: {} },
      { name: 'high', priority: 1, slo: {} },
    ];
    const policy = llumnixAutoscaler.create(llumnixAutoscaler.params.parse({ warmUpChecks: 0 }), {
      ...deps,
      classes,
    });
    const view = cluster(instance(1, 10, 50, { running: requests }));
    expect(policy.onTick?.(view)).toEqual([]);
  });
});

it('lets the cluster fill before it begins', () => {
  const filling = cluster(instance(1, 0, 0), instance(2, 0, 0));
  const at = (seconds: number, params: object) => check({ ...filling, nowUs: seconds * 1e6 }, params);
  expect(at(90, { warmUpChecks: 9 })).toEqual([]);
  expect(at(100, { warmUpChecks: 9 })).toMatchObject([{ kind: 'drain' }]);
  expect(at(30, { warmUpChecks: 2, intervalMs: 20_000 })).toEqual([]);
});

it('looks every ten seconds unless told otherwise, and refuses bounds that would never rest', () => {
  const { params } = llumnixAutoscaler;
  expect(llumnixAutoscaler.create(params.parse({}), deps).tickUs).toBe(10_000_000);
  expect(llumnixAutoscaler.create(params.parse({ intervalMs: 2.5 }), deps).tickUs).toBe(2500);
  expect(params.safeParse({ addBelowSteps: 50, removeAboveSteps: 50 }).success).toBe(false);
  expect(params.safeParse({ minInstances: 3, maxInstances: 2 }).success).toBe(false);
});

it('whatever the load, it keeps the bounds, and comes to rest when the load does', () => {
  const anyLoad = fc.array(fc.record({ num: fc.nat(60), blocks: fc.integer({ min: 1, max: 30 }) }), {
    minLength: 1,
    maxLength: 8,
  });
  const property = fc.property(anyLoad, fc.integer({ min: 1, max: 3 }), (loads, minInstances) => {
    const total = loads.reduce((sum, { num, blocks }) => sum + num * blocks, 0);
    const numRequests = loads.reduce((sum, { num }) => sum + num, 0);
    let numInstances = loads.length;
    const seen: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      // The load spreads evenly, and what was asked for is ready, or gone, at once.
      const groups = Array.from({ length: numInstances }, (_, id) =>
        instance(id, id === 0 ? numRequests : 0, 0, { demandBlocks: id === 0 ? total : 0 }),
      );
      for (const decision of check(cluster(...groups), { minInstances })) {
        if (decision.kind === 'scaleUp') numInstances += decision.numInstances;
        else if (decision.kind === 'drain') numInstances -= 1;
        else throw new Error(`unexpected ${decision.kind}`);
      }
      expect(numInstances).toBeLessThanOrEqual(8);
      expect(numInstances).toBeGreaterThanOrEqual(Math.min(minInstances, loads.length));
      seen.push(numInstances);
    }
    expect(new Set(seen.slice(-4)).size).toBe(1);
  });
  fc.assert(property, { numRuns: 200 });
});
