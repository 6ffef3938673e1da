import { describe, expect, it } from 'vitest';
import { asGroupId } from '../../harness/domain/ids.ts';
import type { RequestView } from '../../harness/policy/index.ts';
import { BatchSize } from '../../policies/chiron/batch-size.ts';
import { LocalAutoscaler } from '../../policies/chiron/local-autoscaler.ts';
import { params } from '../../policies/chiron/params.ts';
import { ServiceClasses } from '../../policies/chiron/service-classes.ts';
import { type Window, Windows } from '../../policies/chiron/windows.ts';
import * as fc from '../fast-check.ts';
import { groupView, requestView } from '../../harness/conformance/view-builders.ts';

const rule = params.parse({});
const targetGapUs = 1000;

/**
 * A second with so long gaps between tokens, in which the batch size kept requests waiting at every step or at
 * none.
 */
function windowOf(gapUs: number, { tokens = 1000, isCapped = true } = {}): Window {
  return {
    lengthUs: 1e6,
    numSteps: 100,
    numCappedSteps: isCapped ? 100 : 0,
    generatedTokens: tokens,
    numTokenGaps: tokens,
    tokenGapSumUs: tokens * gapUs,
  };
}

function adapted(initial: number, windows: readonly Window[], settings: object = {}): number[] {
  const batch = new BatchSize(params.parse(settings), initial);
  return windows.map((window) => {
    const numRunning = window.numCappedSteps > 0 ? batch.size : 0;
    batch.adapt({ window, targetGapUs, numRunning, maxBatch: 256 });
    return batch.size;
  });
}

describe('the batch size of an instance', () => {
  it('is halved when tokens come later than the target, whatever waits', () => {
    expect(adapted(64, [windowOf(1000)])).toEqual([32]);
    expect(adapted(64, [windowOf(2000, { isCapped: false })])).toEqual([32]);
  });

  it('grows by what back-pressure leaves, in either form', () => {
    // 0.5 * 64 / 0.5 + 0.5 * 64, and 64 + 0.5 / 0.25.
    expect(adapted(64, [windowOf(500)])).toEqual([96]);
    expect(adapted(64, [windowOf(250)], { increase: 'additive' })).toEqual([66]);
    expect(adapted(64, [windowOf(500)], { alpha: 1 })).toEqual([128]);
  });

  it('adds up small steps', () => {
    const slow = Array.from({ length: 4 }, () => windowOf(900));
    expect(adapted(64, slow, { increase: 'additive', throughputTolerance: 0.5 })[0]).toBe(64);
    const batch = new BatchSize(params.parse({ increase: 'additive' }), 64);
    for (const tokens of [1000, 1100, 1210, 1331]) {
      batch.adapt({ window: windowOf(900, { tokens }), targetGapUs, numRunning: 64, maxBatch: 256 });
    }
    expect(batch.size).toBe(66);
  });

  it('does not grow while nothing runs into it', () => {
    expect(adapted(64, [windowOf(100, { isCapped: false })])).toEqual([64]);
  });

  it('stays within one and the engine, however long it goes on', () => {
    expect(
      adapted(
        64,
        Array.from({ length: 10 }, () => windowOf(5000)),
      ).at(-1),
    ).toBe(1);
    expect(
      adapted(
        64,
        Array.from({ length: 10 }, () => windowOf(5000)),
        { minBatch: 4 },
      ).at(-1),
    ).toBe(4);
    const faster = Array.from({ length: 10 }, (_, index) => windowOf(10, { tokens: 1000 * 1.2 ** index }));
    expect(adapted(64, faster).at(-1)).toBe(256);
  });

  it('is not changed by a window without tokens, or without any time between tokens', () => {
    expect(adapted(64, [windowOf(0, { tokens: 0 })])).toEqual([64]);
    const firstTokensOnly = { ...windowOf(0), numTokenGaps: 0 };
    expect(adapted(64, [firstTokensOnly])).toEqual([64]);
    const untargeted = new BatchSize(rule, 64);
    const silence = windowOf(0, { tokens: 0 });
    untargeted.adapt({ window: silence, targetGapUs: undefined, numRunning: 64, maxBatch: 256 });
    expect(untargeted.size).toBe(64);
  });

  it('grows where as many run as it allows, although those it sends elsewhere do not wait here', () => {
    const batch = new BatchSize(rule, 64);
    const window = windowOf(500, { isCapped: false });
    batch.adapt({ window, targetGapUs, numRunning: 63, maxBatch: 256 });
    expect(batch.size).toBe(64);
    batch.adapt({ window, targetGapUs, numRunning: 64, maxBatch: 256 });
    expect(batch.size).toBe(96);
  });

  it('comes back from 1 where requests have no target, and stops where throughput falls', () => {
    const batch = new BatchSize(rule, 1);
    const sizes: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      // Beyond 100 requests, memory runs out.
      const tokens = batch.size <= 100 ? 10 * batch.size : 400;
      const numRunning = batch.size;
      batch.adapt({ window: windowOf(5000, { tokens }), targetGapUs: undefined, numRunning, maxBatch: 256 });
      sizes.push(batch.size);
    }
    expect(Math.max(...sizes)).toBeGreaterThan(64);
    expect(Math.max(...sizes)).toBeLessThan(256);
    expect(Math.min(...sizes.slice(20))).toBeGreaterThan(16);
  });

  it('waits until a halving has taken effect', () => {
    const batch = new BatchSize(rule, 64);
    for (const numRunning of [64, 60, 40]) {
      batch.adapt({ window: windowOf(2000), targetGapUs, numRunning, maxBatch: 256 });
    }
    expect(batch.size).toBe(32);
    batch.adapt({ window: windowOf(2000), targetGapUs, numRunning: 32, maxBatch: 256 });
    expect(batch.size).toBe(16);
  });

  it('does not blame a batch that is too large for the gap of a request that came back', () => {
    const batch = new BatchSize(rule, 64);
    batch.excuse(900_000);
    const window = { ...windowOf(500), tokenGapSumUs: 500 * 1000 + 900_000 };
    batch.adapt({ window, targetGapUs, numRunning: 64, maxBatch: 256 });
    expect(batch.size).toBe(96);
    // It is taken off once.
    expect(window.tokenGapSumUs / window.numTokenGaps).toBeGreaterThan(targetGapUs);
    batch.adapt({ window: { ...window, generatedTokens: 1100 }, targetGapUs, numRunning: 96, maxBatch: 256 });
    expect(batch.size).toBe(48);
  });
});

describe('back-pressure of throughput', () => {
  it('halves when throughput falls although requests wait for the batch size', () => {
    expect(adapted(64, [windowOf(500), windowOf(500, { tokens: 700 })])).toEqual([96, 48]);
  });

  it('holds a growth back that has brought nothing, until the next attempt', () => {
    expect(adapted(64, [windowOf(500), windowOf(500), windowOf(500)])).toEqual([96, 96, 144]);
  });

  it('says nothing where the batch size is not what limits throughput', () => {
    const ebb = [windowOf(500, { isCapped: false }), windowOf(500, { tokens: 100, isCapped: false })];
    expect(adapted(64, ebb)).toEqual([64, 64]);
    const ebbBehindACap = [windowOf(500), windowOf(500, { tokens: 100, isCapped: false })];
    expect(adapted(64, ebbBehindACap)).toEqual([96, 96]);
  });

  it('does not halve again because a halving has brought fewer tokens', () => {
    const windows = [windowOf(500), windowOf(500, { tokens: 700 }), windowOf(950, { tokens: 350 })];
    expect(adapted(64, windows)).toEqual([96, 48, 49]);
  });

  it('does not take a batch size down by noise alone', () => {
    const noise = fc.array(fc.integer({ min: 960, max: 1040 }), { minLength: 50, maxLength: 50 });
    fc.assert(
      fc.property(noise, (tokens) => {
        const sizes = adapted(
          64,
          tokens.map((count) => windowOf(900, { tokens: count })),
        );
        expect(Math.min(...sizes)).toBeGreaterThanOrEqual(64);
      }),
    );
  });
});

describe('any sequence of windows', () => {
  it("leaves a batch size from the least to the engine's", () => {
    const window = fc.record({
      lengthUs: fc.integer({ min: 1, max: 1e7 }),
      numSteps: fc.integer({ min: 0, max: 1000 }),
      numCappedSteps: fc.integer({ min: 0, max: 1000 }),
      generatedTokens: fc.integer({ min: 0, max: 1e6 }),
      numTokenGaps: fc.integer({ min: 0, max: 1e6 }),
      tokenGapSumUs: fc.integer({ min: 0, max: 1e12 }),
    });
    const situation = fc.record({
      window,
      targetGapUs: fc.option(fc.integer({ min: 1, max: 1e6 }), { nil: undefined }),
      numRunning: fc.integer({ min: 0, max: 256 }),
      maxBatch: fc.constant(256),
    });
    const settings = fc.record({
      increase: fc.constantFrom('additive', 'multiplicative'),
      alpha: fc.constantFrom(0.1, 0.5, 1),
      minBatch: fc.constantFrom(1, 8),
    });
    fc.assert(
      fc.property(
        fc.array(situation),
        settings,
        fc.integer({ min: 8, max: 256 }),
        (list, chosen, initial) => {
          const batch = new BatchSize(params.parse(chosen), initial);
          for (const each of list) {
            batch.adapt(each);
            expect(Number.isInteger(batch.size)).toBe(true);
            expect(batch.size).toBeGreaterThanOrEqual(chosen.minBatch);
            expect(batch.size).toBeLessThanOrEqual(256);
          }
        },
      ),
    );
  });
});

function running(...names: readonly string[]): RequestView[] {
  return names.map((className, id) => requestView(id, { className }));
}

describe('the local autoscaler', () => {
  const classes = new ServiceClasses(
    [
      { name: 'chat', priority: 1, slo: { ttftUs: 1e6, tpotUs: 1000 } },
      { name: 'code', priority: 1, slo: { ttftUs: 1e6, tpotUs: 3000 } },
      { name: 'bulk', priority: 0, slo: {} },
    ],
    rule,
  );
  it('sets the limit of the engine, for the tightest target that runs there', () => {
    const group = groupView(3, 1, { running: running('bulk', 'code', 'bulk', 'chat', 'code') });
    const local = new LocalAutoscaler(rule, classes);
    expect(local.adapt(group, windowOf(2000))).toMatchObject({
      kind: 'setLimits',
      groupId: 3,
      limits: { maxRunning: 32 },
    });
    const relaxed = new LocalAutoscaler(rule, classes);
    const slower = groupView(3, 1, { running: running('bulk', 'code') });
    expect(relaxed.adapt(slower, windowOf(2000, { isCapped: false }))).toBeUndefined();
  });

  it('says nothing as long as the limit stays, and starts with the given one', () => {
    const group = groupView(0, 1);
    expect(new LocalAutoscaler(rule, classes).adapt(group, undefined)).toBeUndefined();
    const small = new LocalAutoscaler(params.parse({ initialBatch: 8 }), classes);
    expect(small.adapt(group, undefined)).toMatchObject({ limits: { maxRunning: 8 } });
    // The engine's limit is the largest, and stays so when the policy has lowered it.
    expect(
      new LocalAutoscaler(params.parse({ initialBatch: 999 }), classes).adapt(group, undefined),
    ).toBeUndefined();
    const limited = { ...group, limits: { ...group.limits, maxRunning: 8 }, running: running('chat') };
    let limit = 8;
    for (let tokens = 1000; tokens < 1e6; tokens *= 1.3) {
      const decision = small.adapt(
        { ...limited, limits: { ...limited.limits, maxRunning: limit } },
        windowOf(10, { tokens }),
      );
      if (decision?.kind === 'setLimits') limit = decision.limits.maxRunning ?? 0;
    }
    expect(limit).toBe(64);
  });

  it('keeps instances apart', () => {
    const local = new LocalAutoscaler(rule, classes);
    const busy = groupView(0, 1, { running: running('chat') });
    expect(local.adapt(busy, windowOf(5000))).toMatchObject({ groupId: 0, limits: { maxRunning: 32 } });
    expect(local.adapt({ ...busy, id: asGroupId(1) }, windowOf(900, { isCapped: false }))).toBeUndefined();
  });
});

describe('windows', () => {
  const counters = {
    numSteps: 10,
    numCappedSteps: 4,
    generatedTokens: 100,
    numTokenGaps: 90,
    tokenGapSumUs: 900,
  };

  it('are what has been counted since the look before', () => {
    const windows = new Windows();
    const live = { ...counters };
    const group = groupView(0, 1, { counters: live });
    expect(windows.next(group, 1000)).toBeUndefined();
    live.numSteps = 15;
    live.generatedTokens = 130;
    expect(windows.next(group, 3000)).toEqual({
      lengthUs: 2000,
      numSteps: 5,
      numCappedSteps: 0,
      generatedTokens: 30,
      numTokenGaps: 0,
      tokenGapSumUs: 0,
    });
  });

  it('are none where the view has not moved on', () => {
    const windows = new Windows();
    const group = groupView(0, 1, { counters });
    windows.next(group, 1000);
    expect(windows.next(group, 1000)).toBeUndefined();
  });
});
