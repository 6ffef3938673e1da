import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClusterView,
  type Decision,
  type GroupView,
  kvCellBytes,
  type Policy,
  type PolicyEvent,
  type RequestView,
} from '../../harness/policy/index.ts';
import { chiron } from '../../policies/chiron/chiron.ts';
import { requestClasses } from './chiron-views.ts';
import { clusterView, deps, groupView, heldView, instanceView, requestView } from './views.ts';

const blockBytes = deps.model.numLayers * kvCellBytes(deps.model, deps.blockSizeTokens);
const plenty = 1000 * blockBytes;

function chat(id: number, about: Partial<RequestView> = {}): RequestView {
  return requestView(id, { className: 'chat', priority: 1, ...about });
}

/** One block of prompt, computed. */
function bulk(id: number, about: Partial<RequestView> = {}): RequestView {
  return requestView(id, { className: 'bulk', computedTokens: 16, kvBlocks: 1, ...about });
}

/** A group of one with as much host memory; its blocks are counted from its requests. */
function instance(id: number, about: Partial<GroupView>, hostMemoryBytes = plenty): GroupView {
  const group = groupView(id, 1, about);
  const blocksOf = (requests: Iterable<RequestView>): number =>
    [...requests].reduce((sum, { tokens }) => sum + Math.ceil(tokens / deps.blockSizeTokens), 0);
  const [stage] = group.stages;
  return {
    ...group,
    stages: [{ ...stage!, instance: instanceView(id, { hostMemoryBytes }) }],
    waitingBlocks: blocksOf(group.waiting),
    demandBlocks:
      blocksOf(group.waiting) +
      blocksOf(group.running) +
      blocksOf(group.swapped) +
      blocksOf(group.exchanging),
    freeBlocks: about.freeBlocks ?? group.totalBlocks - blocksOf(group.running),
  };
}

/** The policy once it has looked at the view. */
function chironAt(view: ClusterView, settings: object = {}): Policy {
  const parsed = chiron.params.parse({ global: false, ...settings });
  const policy = chiron.create(parsed, { ...deps, classes: requestClasses });
  policy.onTick?.(view);
  return policy;
}

function placed(request: RequestView, groups: readonly GroupView[], settings: object = {}): number | string {
  const view = clusterView(groups);
  const answer = chironAt(view, settings).dispatch?.(request, view);
  return answer?.kind === 'dispatch'
    ? answer.groupId
    : `${answer?.kind} ${answer?.kind === 'hold' ? answer.scope : ''}`;
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
      requestId: 1,
      groupId: 1,
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
    policy.onEvent?.({ ...ended, requestId: 2 }, view);
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

describe('the order of a queue', () => {
  const orderOf = (waiting: readonly RequestView[]) => {
    const group = instance(0, { waiting });
    return chironAt(clusterView([group])).order?.(group, clusterView([group]));
  };

  it('is interactive requests first, and otherwise left alone', () => {
    expect(orderOf([bulk(1), chat(2), bulk(3), chat(4)])).toEqual([2, 4]);
    expect(orderOf([chat(2), chat(4), bulk(1)])).toBeUndefined();
    expect(orderOf([chat(1), chat(2)])).toBeUndefined();
    expect(orderOf([bulk(1), bulk(2)])).toBeUndefined();
  });
});

describe('eviction', () => {
  /** Before a step of the group. */
  function beforeStep(group: GroupView): readonly Decision[] {
    const view = clusterView([group]);
    return chironAt(view).onSchedule?.(group, view) ?? [];
  }
  const preempted = (decisions: readonly Decision[]) =>
    decisions.flatMap((decision) =>
      decision.kind === 'preempt' ? [`${decision.mode} ${decision.requestId}`] : [],
    );
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
    const running = [...crowd.slice(0, 18), bulk(18, { isInFlight: true }), bulk(19, { migratesTo: 3 })];
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
    const asked = (group: GroupView, blocks = 1) => {
      const view = clusterView([group]);
      return chironAt(view).onMemoryPressure?.(group, { requestId: 50, blocks }, view);
    };
    expect(preempted(asked(instance(0, { running: [chat(50), bulk(1), bulk(2)] })) ?? [])).toEqual([
      'swap 2',
    ]);
    expect(asked(instance(0, { running: [chat(50), bulk(1)], pendingFreeBlocks: 1 }))).toMatchObject([
      { kind: 'wait' },
    ]);
    expect(asked(instance(0, { running: [chat(50), chat(51)] }))).toBeUndefined();
    // What stands in the step that is being formed can be taken out of it in a group of one; in a pipeline it has to come back.
    const inFlight = [chat(50), bulk(1, { isInFlight: true })];
    expect(preempted(asked(instance(0, { running: inFlight })) ?? [])).toEqual(['swap 1']);
    expect(asked(groupView(0, 2, { running: inFlight }))).toMatchObject([{ kind: 'wait' }]);
  });
});

describe('the return of evicted requests', () => {
  const swapped = (id: number, tokens = 16): RequestView =>
    bulk(id, { status: { kind: 'swapped' }, tokens, computedTokens: tokens, kvBlocks: 0 });

  function returned(group: GroupView): number[] {
    const view = clusterView([group]);
    const decisions = chironAt(view).onSchedule?.(group, view) ?? [];
    return decisions.flatMap((decision) => (decision.kind === 'swapIn' ? [decision.requestId] : []));
  }

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

describe('any state of the cluster', () => {
  const status = fc.constantFrom('decoding', 'prefilling');
  const kind = fc.constantFrom('chat', 'bulk');
  const anyRequest = fc.record({
    className: kind,
    blocks: fc.integer({ min: 1, max: 6 }),
    status,
    isInFlight: fc.boolean(),
  });
  const anyGroup = fc.record({
    role: fc.constantFrom('interactive', 'mixed', 'batch'),
    phase: fc.constantFrom('serving', 'serving', 'serving', 'draining', 'loading', 'restoring'),
    running: fc.array(anyRequest, { maxLength: 8 }),
    waiting: fc.array(anyRequest, { maxLength: 4 }),
    swapped: fc.array(anyRequest, { maxLength: 4 }),
    hostBlocks: fc.constantFrom(0, 3, 1000),
    maxRunning: fc.integer({ min: 1, max: 10 }),
  });

  function viewOf(groups: readonly fc.TypeOf<typeof anyGroup>[]): ClusterView {
    let nextId = 0;
    const made = groups.map(({ role, phase, hostBlocks, maxRunning, ...lists }, id) => {
      const requests = (list: typeof lists.running, where: RequestView['status']['kind'] | undefined) =>
        list.map(({ className, blocks, isInFlight, ...each }) => {
          nextId += 1;
          const kindOf = where ?? each.status;
          const hasKv = where === undefined;
          return requestView(nextId, {
            className,
            status: { kind: kindOf } as RequestView['status'],
            tokens: 16 * blocks,
            computedTokens: where === 'queued' ? 0 : 16 * blocks,
            kvBlocks: hasKv ? blocks : 0,
            isInFlight: hasKv && isInFlight,
          });
        });
      return instance(
        id,
        {
          role,
          phase,
          acceptsRequests: phase === 'serving' || phase === 'restoring',
          running: phase === 'loading' ? [] : requests(lists.running, undefined),
          waiting: requests(lists.waiting, 'queued'),
          swapped: requests(lists.swapped, 'swapped'),
          totalBlocks: 60,
          limits: { maxRunning, maxBatchTokens: 64, watermarkRatio: 0.01, admits: true },
        },
        hostBlocks * blockBytes,
      );
    });
    const everyone = made.flatMap(({ running, waiting, swapped }) => [...running, ...waiting, ...swapped]);
    return clusterView(made, {
      nowUs: 1e9,
      observedAtUs: 1e9,
      maxInstances: made.length + 3,
      held: heldView([requestView(9999, { className: 'bulk' })]),
      request: (id) => everyone.find((request) => request.id === id),
    });
  }

  it('brings decisions that the core can carry out', () => {
    fc.assert(
      fc.property(fc.array(anyGroup, { minLength: 1, maxLength: 6 }), (groups) => {
        const view = viewOf(groups);
        const byId = new Map(view.groups.map((group) => [group.id, group]));
        const policy = chiron.create(chiron.params.parse({ scaleInAfter: 1 }), {
          ...deps,
          classes: requestClasses,
        });
        const decisions = [...(policy.onTick?.(view) ?? [])];
        for (const group of view.groups) decisions.push(...(policy.onSchedule?.(group, view) ?? []));
        for (const decision of decisions) {
          switch (decision.kind) {
            case 'preempt': {
              const victim = view.request(decision.requestId)!;
              expect(victim.className).toBe('bulk');
              expect(victim.isInFlight).toBe(false);
              break;
            }
            case 'migrate':
              expect(byId.get(decision.groupId)?.phase).toBe('serving');
              expect(byId.get(decision.groupId)?.role).not.toBe('interactive');
              expect(view.request(decision.requestId)?.status.kind).toBe('swapped');
              break;
            case 'swapIn':
              expect(view.request(decision.requestId)?.status.kind).toBe('swapped');
              break;
            default:
          }
        }
        for (const request of [chat(777), bulk(778)]) {
          const answer = policy.dispatch?.(request, view);
          const target = answer?.kind === 'dispatch' ? byId.get(answer.groupId) : undefined;
          if (target !== undefined) expect(target.acceptsRequests).toBe(true);
          else expect(answer).toMatchObject({ kind: 'hold', scope: 'class' });
          const isOpen = view.groups.some(({ acceptsRequests }) => acceptsRequests);
          if (request.className === 'chat') expect(target !== undefined).toBe(isOpen);
          else if (target !== undefined) expect(target.role).not.toBe('interactive');
        }
      }),
      { seed: 20261121, numRuns: 300 },
    );
  });
});
