import { describe, expect, it } from 'vitest';
import { blockSizeTokens } from '../../harness/conformance/tiny-hardware.ts';
import type { GroupView, RequestView } from '../../harness/policy/index.ts';
import { swap } from '../../policies/swap/swap.ts';
import { clusterView, deps, groupView, requestView } from '../../harness/conformance/view-builders.ts';

/** Whose KV the policy brings back, before a step of the group. */
function broughtBack(about: Partial<GroupView>): number[] {
  const group = groupView(0, 1, about);
  const decisions = swap.create(swap.params.parse({}), deps).onSchedule?.(group, clusterView([group])) ?? [];
  return decisions.map((decision) => (decision.kind === 'swapIn' ? decision.requestId : Number.NaN));
}

/** In host memory, with so many tokens, all but the newest computed. */
function swapped(id: number, tokens: number): RequestView {
  return requestView(id, {
    status: { kind: 'swapped' },
    arrivedAtUs: id,
    tokens,
    computedTokens: tokens - 1,
  });
}

describe('swapping in', () => {
  const full = 2 * blockSizeTokens + 1;

  it('of the only request waits for room for its next token: it would leave again at once', () => {
    expect(broughtBack({ swapped: [swapped(1, full)], freeBlocks: 2 })).toEqual([]);
    expect(broughtBack({ swapped: [swapped(1, full)], freeBlocks: 3 })).toEqual([1]);
  });

  it('of one that can never fit does not wait: the core fails it', () => {
    expect(broughtBack({ swapped: [swapped(1, full)], freeBlocks: 2, totalBlocks: 2 })).toEqual([1]);
  });

  it('keeps to the limit of running requests, those on their way back and migrating here included', () => {
    const limits = { maxRunning: 3, maxBatchTokens: 64, watermarkRatio: 0.01, admits: true };
    const back = requestView(9, { status: { kind: 'swapping-in' } });
    const all = {
      limits,
      lastStepUs: 1e6,
      running: [requestView(8)],
      swapped: [swapped(1, 8), swapped(2, 8)],
    };
    expect(broughtBack(all)).toEqual([1, 2]);
    expect(broughtBack({ ...all, numMigratingIn: 1 })).toEqual([1]);
    expect(broughtBack({ ...all, swapped: [...all.swapped, back] })).toEqual([1]);
    expect(broughtBack({ ...all, swapped: [...all.swapped, back], numMigratingIn: 1 })).toEqual([]);
  });
});
