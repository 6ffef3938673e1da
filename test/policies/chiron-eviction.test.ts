import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import type { Decision, GroupView, RequestView } from '../../harness/policy/index.ts';
import { chiron } from '../../policies/chiron/chiron.ts';
import { blockBytes, bulk, chat, chironAt, instance, requestClasses } from './chiron-views.ts';
import { clusterView, deps, groupView } from '../../harness/conformance/view-builders.ts';

/** What is decided before a step of the group. */
function beforeStep(group: GroupView): readonly Decision[] {
  const view = clusterView([group]);
  return chironAt(view).onSchedule?.(group, view) ?? [];
}

function preempted(decisions: readonly Decision[] | undefined): string[] {
  return (decisions ?? []).flatMap((decision) =>
    decision.kind === 'preempt' ? [`${decision.mode} ${decision.requestId}`] : [],
  );
}

/** What is decided when request 50 needs a block. */
function asked(group: GroupView): readonly Decision[] | undefined {
  const view = clusterView([group]);
  return chironAt(view).onMemoryPressure?.(group, { requestId: asRequestId(50), blocks: 1 }, view);
}

describe('eviction', () => {
  const crowd = Array.from({ length: 20 }, (_, id) => bulk(id));

  it('takes the batch requests admitted last, no more than are in the way, and keeps their KV', () => {
    const group = instance(0, {
      running: [chat(50), ...crowd.slice(1)],
      waiting: [chat(51, { tokens: 32 })],
    });
    expect(preempted(beforeStep(group))).toEqual(['swap 19', 'swap 18']);
  });

  it('is for interactive requests, and only where there is no room', () => {
    expect(beforeStep(instance(0, { running: crowd, waiting: [bulk(51)] }))).toEqual([]);
    expect(beforeStep(instance(0, { running: crowd.slice(0, 10), waiting: [chat(51)] }))).toEqual([]);
    expect(beforeStep(instance(0, { running: [chat(1, { tokens: 320 })], waiting: [chat(51)] }))).toEqual([]);
  });

  it('counts what is on its way to the host already, and does not evict twice', () => {
    const evicting = instance(0, {
      running: [chat(50), ...crowd.slice(1, 18)],
      swapped: [
        bulk(18, { status: { kind: 'swapping-out' } }),
        bulk(19, { status: { kind: 'swapping-out' } }),
      ],
      waiting: [chat(51, { tokens: 32 })],
      freeBlocks: 0,
      pendingFreeBlocks: 2,
    });
    expect(beforeStep(evicting)).toEqual([]);
  });

  it('also makes room in the batch size', () => {
    const limits = { maxRunning: 4, maxBatchTokens: 64, watermarkRatio: 0.01, admits: true };
    const group = instance(0, { running: crowd.slice(0, 4), waiting: [chat(51), chat(52)], limits });
    expect(preempted(beforeStep(group))).toEqual(['swap 3', 'swap 2']);
  });

  it('makes room for what one step can begin', () => {
    const waiting = Array.from({ length: 30 }, (_, id) => chat(50 + id));
    expect(preempted(beforeStep(instance(0, { running: crowd, waiting })))).toHaveLength(4);
  });

  it('leaves alone what is in a step or migrates', () => {
    const running = [
      ...crowd.slice(0, 18),
      bulk(18, { isInFlight: true }),
      bulk(19, { migratesTo: asGroupId(3) }),
    ];
    expect(preempted(beforeStep(instance(0, { running, waiting: [chat(51)] })))).toEqual(['swap 17']);
  });

  it('gives up KV for which the host has no room, or which there is none of', () => {
    const waiting = [chat(51, { tokens: 48 })];
    const tight = instance(0, { running: crowd, waiting }, blockBytes);
    expect(preempted(beforeStep(tight))).toEqual(['swap 19', 'recompute 18', 'recompute 17']);
    const fresh = [...crowd.slice(0, 19), bulk(19, { computedTokens: 0 })];
    expect(preempted(beforeStep(instance(0, { running: fresh, waiting: [chat(51)] })))).toEqual([
      'recompute 19',
    ]);
  });

  it('answers memory pressure with batch requests, and leaves interactive ones to the next policy', () => {
    expect(preempted(asked(instance(0, { running: [chat(50), bulk(1), bulk(2)] })))).toEqual(['swap 2']);
    expect(asked(instance(0, { running: [chat(50), bulk(1)], pendingFreeBlocks: 1 }))).toMatchObject([
      { kind: 'wait' },
    ]);
    expect(asked(instance(0, { running: [chat(50), chat(51)] }))).toBeUndefined();
    // What stands in the step that is being formed can be taken out of it in a group of one; in a pipeline it has
    // to come back.
    const inFlight = [chat(50), bulk(1, { isInFlight: true })];
    expect(preempted(asked(instance(0, { running: inFlight })))).toEqual(['swap 1']);
    expect(asked(groupView(0, 2, { running: inFlight }))).toMatchObject([{ kind: 'wait' }]);
  });
});

/** In host memory, with so many tokens. */
function swapped(id: number, tokens = 16): RequestView {
  return bulk(id, { status: { kind: 'swapped' }, tokens, computedTokens: tokens, kvBlocks: 0 });
}

function returned(group: GroupView): number[] {
  return beforeStep(group).flatMap((decision) => (decision.kind === 'swapIn' ? [decision.requestId] : []));
}

describe('the return of evicted requests', () => {
  it('is in the order of their eviction, as far as there is room', () => {
    expect(
      returned(instance(0, { swapped: [swapped(3, 32), swapped(1), swapped(2)], freeBlocks: 4 })),
    ).toEqual([3, 1]);
    const limits = { maxRunning: 2, maxBatchTokens: 64, watermarkRatio: 0.01, admits: true };
    expect(returned(instance(0, { running: [chat(50)], swapped: [swapped(3), swapped(1)], limits }))).toEqual(
      [3],
    );
  });

  it('waits until no interactive request does, and leaves those on their way alone', () => {
    expect(returned(instance(0, { waiting: [chat(50)], swapped: [swapped(1)] }))).toEqual([]);
    const moving = [
      bulk(1, { status: { kind: 'swapping-in' } }),
      bulk(2, { status: { kind: 'swapping-out' } }),
    ];
    expect(returned(instance(0, { swapped: [...moving, swapped(3)] }))).toEqual([3]);
  });

  it('does not starve one that needs nearly all of an idle group', () => {
    expect(returned(instance(0, { swapped: [swapped(1, 320)] }))).toEqual([1]);
    expect(returned(instance(0, { running: [chat(50)], swapped: [swapped(1, 19 * 16)] }))).toEqual([]);
  });

  it('is to any instance with room, if there is none where they were', () => {
    const crowded = instance(0, {
      waiting: [chat(50)],
      swapped: [swapped(1, 96), swapped(2, 96), swapped(3, 96)],
    });
    const batch = instance(1, { role: 'batch', running: [bulk(60)] });
    const view = clusterView([crowded, batch]);
    const settings = chiron.params.parse({ global: false });
    const policy = chiron.create(settings, { ...deps, classes: requestClasses });
    const moves = (policy.onTick?.(view) ?? []).filter(({ kind }) => kind === 'migrate');
    // 16 of 20 blocks are filled: one is taken, two requests of six blocks fit.
    expect(moves).toMatchObject([
      { requestId: 1, groupId: 1 },
      { requestId: 2, groupId: 1 },
    ]);
  });
});
