import { describe, expect, it } from 'vitest';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import type { GroupView, PolicyEvent, RequestView } from '../../harness/policy/index.ts';
import { bulk, chat, chironAt, instance } from './chiron-views.ts';
import { clusterView } from '../../harness/conformance/view-builders.ts';

function placed(request: RequestView, groups: readonly GroupView[], settings: object = {}): number | string {
  const view = clusterView(groups);
  const answer = chironAt(view, settings).dispatch?.(request, view);
  return answer?.kind === 'dispatch'
    ? answer.groupId
    : `${answer?.kind} ${answer?.kind === 'hold' ? answer.scope : ''}`;
}

function fullInstance(id: number, waiting: RequestView[]): GroupView {
  return instance(id, { running: [chat(1, { tokens: 256 })], waiting });
}

describe('interactive requests', () => {
  it('go to interactive instances, then to mixed ones, and to batch instances when nothing else is left', () => {
    const groups = [
      instance(0, { role: 'batch' }),
      instance(1, { role: 'mixed' }),
      instance(2, { role: 'interactive' }),
    ];
    expect(placed(chat(9), groups)).toBe(2);
    expect(placed(chat(9), groups.slice(0, 2))).toBe(1);
    expect(placed(chat(9), groups.slice(0, 1))).toBe(0);
    expect(placed(chat(9), [instance(0, { acceptsRequests: false })])).toBe('hold class');
  });

  it('are packed: the fullest instance that has room, so that the others stay idle', () => {
    const groups = [
      instance(0, {}),
      instance(1, { running: [chat(1)] }),
      instance(2, { running: [chat(2), chat(3)] }),
      instance(3, { running: [bulk(4), bulk(5), bulk(6)] }),
    ];
    expect(placed(chat(9), groups)).toBe(2);
  });

  it('overflow where the batch size, the memory or the next step is taken', () => {
    const empty = instance(1, {});
    const limits = { maxRunning: 2, maxBatchTokens: 64, watermarkRatio: 0.01, admits: true };
    const capped = instance(0, { running: [chat(1), chat(2)], limits });
    const full = instance(0, { running: [chat(1, { tokens: 256 })] });
    const queued = instance(0, { waiting: [chat(1, { tokens: 60 })] });
    for (const group of [capped, full, queued]) expect(placed(chat(9), [group, empty])).toBe(1);
    expect(placed(chat(9), [instance(0, { running: [chat(1, { tokens: 240 })] }), empty])).toBe(0);
    expect(placed(chat(9), [full, empty], { fillShare: 1 })).toBe(0);
  });

  it('take no notice of batch requests, which they evict', () => {
    const crowded = instance(0, {
      running: [chat(1), ...Array.from({ length: 18 }, (_, id) => bulk(10 + id))],
    });
    expect(placed(chat(9), [crowded, instance(1, {})])).toBe(0);
  });

  it('nor of batch requests that wait, behind which they would not stand', () => {
    const flooded = instance(0, {
      running: [chat(1)],
      waiting: Array.from({ length: 30 }, (_, id) => bulk(10 + id, { tokens: 32 })),
    });
    expect(placed(chat(9), [flooded, instance(1, {})])).toBe(0);
    // Where none has room, the queue of interactive requests decides.
    const bulks = Array.from({ length: 9 }, (_, id) => bulk(20 + id, { tokens: 32 }));
    const chats = [chat(40, { tokens: 32 }), chat(41, { tokens: 32 })];
    expect(placed(chat(9), [fullInstance(0, chats), fullInstance(1, bulks)])).toBe(1);
  });

  it('join the shortest queue where none has room', () => {
    const busy = [4, 2, 3].map((count, id) =>
      instance(id, {
        running: [chat(1, { tokens: 256 })],
        waiting: Array.from({ length: count }, (_, index) => chat(10 + index, { tokens: 32 })),
      }),
    );
    expect(placed(chat(9), busy)).toBe(1);
  });

  it('are packed by what has been dispatched since the last look', () => {
    const view = clusterView([instance(0, {}), instance(1, {})]);
    const policy = chironAt(view);
    const ended: PolicyEvent = {
      kind: 'requestEnded',
      requestId: asRequestId(1),
      groupId: asGroupId(1),
      className: 'chat',
      isFinished: true,
      promptTokens: 16,
      generatedTokens: 4,
      ttftUs: 1,
    };
    const only1 = clusterView([instance(0, { acceptsRequests: false }), instance(1, {})]);
    expect(policy.dispatch?.(chat(1), only1)).toMatchObject({ groupId: 1 });
    expect(policy.dispatch?.(chat(2), view)).toMatchObject({ groupId: 1 });
    policy.onEvent?.(ended, view);
    policy.onEvent?.({ ...ended, requestId: asRequestId(2) }, view);
    expect(policy.dispatch?.(chat(3), view)).toMatchObject({ groupId: 0 });
  });
});

describe('batch requests', () => {
  it('go to batch instances first, then to mixed ones away from interactive requests, never to interactive ones', () => {
    const groups = [
      instance(0, { role: 'interactive' }),
      instance(1, { running: [chat(1)] }),
      instance(2, {}),
      instance(3, { role: 'batch' }),
    ];
    expect(placed(bulk(9), groups)).toBe(3);
    expect(placed(bulk(9), groups.slice(0, 3))).toBe(2);
    expect(placed(bulk(9), groups.slice(0, 2))).toBe(1);
    expect(placed(bulk(9), groups.slice(0, 1))).toBe('hold class');
  });

  it('are packed', () => {
    const groups = [1, 3, 2].map((count, id) =>
      instance(id, { role: 'batch', running: Array.from({ length: count }, (_, index) => bulk(index)) }),
    );
    expect(placed(bulk(9), groups)).toBe(1);
  });

  it('wait in the queue of the whole cluster while there is no room, evicted ones first', () => {
    const limits = { maxRunning: 2, maxBatchTokens: 64, watermarkRatio: 0.01, admits: true };
    expect(placed(bulk(9), [instance(0, { running: [bulk(1)], waiting: [bulk(2)], limits })])).toBe(
      'hold class',
    );
    expect(placed(bulk(9), [instance(0, { running: [bulk(1, { tokens: 256 })] })])).toBe('hold class');
    expect(placed(bulk(9), [instance(0, { swapped: [bulk(1)] })])).toBe('hold class');
    expect(placed(bulk(9), [instance(0, { phase: 'restoring' })])).toBe('hold class');
    // Larger than the share that is filled, but the group is empty.
    expect(placed(bulk(9, { tokens: 300 }), [instance(0, {})])).toBe(0);
  });
});

function orderOf(waiting: readonly RequestView[]): readonly number[] | undefined {
  const group = instance(0, { waiting });
  return chironAt(clusterView([group])).order?.(group, clusterView([group]));
}

describe('the order of a queue', () => {
  it('is interactive requests first, and otherwise left alone', () => {
    expect(orderOf([bulk(1), chat(2), bulk(3), chat(4)])).toEqual([2, 4]);
    expect(orderOf([chat(2), chat(4), bulk(1)])).toBeUndefined();
    expect(orderOf([chat(1), chat(2)])).toBeUndefined();
    expect(orderOf([bulk(1), bulk(2)])).toBeUndefined();
  });
});
