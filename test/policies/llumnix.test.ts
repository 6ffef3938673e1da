import { describe, expect, it } from 'vitest';
import { asRequestId } from '../../harness/domain/ids.ts';
import type { GroupView, Policy, RequestView } from '../../harness/policy/index.ts';
import { infaasPlusPlus } from '../../policies/llumnix/infaas-plus-plus.ts';
import { llumnix, llumnixBase } from '../../policies/llumnix/llumnix.ts';
import { clusterView, deps, groupView, requestView } from '../../harness/conformance/view-builders.ts';

const twoClasses = {
  ...deps,
  classes: [
    { name: 'normal', priority: 0, slo: {} },
    { name: 'high', priority: 1, slo: {} },
  ],
};

/** 20 blocks of 16 tokens on each instance; high priority allows a load of 10. */
function policyOf(params: object = {}): Policy {
  return llumnix.create(llumnix.params.parse({ headroomTargetTokens: 160, ...params }), twoClasses);
}

function target(policy: Policy, request: RequestView, ...groups: readonly GroupView[]): number | undefined {
  const decision = policy.dispatch?.(request, clusterView(groups));
  return decision?.kind === 'dispatch' ? decision.groupId : undefined;
}

/** A group with requests of the given priorities, each with so many blocks. */
function busy(
  id: number,
  priorities: readonly number[],
  blocksEach = 2,
  about: Partial<GroupView> = {},
): GroupView {
  const blocks = priorities.length * blocksEach;
  return groupView(id, 1, {
    running: priorities.map((priority, index) =>
      requestView(100 * id + index, { priority, kvBlocks: blocksEach, tokens: 16 * blocksEach }),
    ),
    freeBlocks: 20 - blocks,
    demandBlocks: blocks,
    ...about,
  });
}

const normal = requestView(1);
const high = requestView(2, { priority: 1 });

describe('dispatch', () => {
  it.each([
    ['llumnix', policyOf()],
    ['llumnix-base', llumnixBase.create(llumnixBase.params.parse({}), deps)],
    ['infaas-plus-plus', infaasPlusPlus.create(infaasPlusPlus.params.parse({}), deps)],
  ])('of %s goes to the highest freeness: an empty group first, then the most steps', (_, policy) => {
    const few = busy(1, [0]);
    const many = busy(2, [0, 0, 0]);
    expect(target(policy, normal, many, few, groupView(3, 1))).toBe(3);
    expect(target(policy, normal, many, few)).toBe(1);
    expect(target(policy, normal, few, many)).toBe(1);
  });

  it('shares what is left among the requests, unlike a share of memory', () => {
    // 9 blocks for one request beside it last longer than 11 for four.
    expect(target(policyOf(), normal, busy(1, [0, 0, 0, 0]), busy(2, [0], 10))).toBe(2);
  });

  it('sees all of a queue', () => {
    const queued = busy(1, [0], 2, {
      waiting: [requestView(50), requestView(51, { tokens: 240 })],
      waitingBlocks: 16,
      demandBlocks: 18,
    });
    expect(target(policyOf(), normal, queued, busy(2, [0, 0, 0]))).toBe(2);
  });

  it('passes over groups that take no requests, and holds the request if none does', () => {
    const loading = groupView(1, 1, { acceptsRequests: false, phase: 'loading' });
    const draining = groupView(2, 1, { acceptsRequests: false, phase: 'draining' });
    expect(target(policyOf(), normal, loading, draining, busy(3, [0]))).toBe(3);
    expect(policyOf().dispatch?.(normal, clusterView([loading, draining]))).toMatchObject({ kind: 'hold' });
  });

  it('keeps normal requests away from those of high priority, where headroom counts as load', () => {
    const host = busy(1, [1, 1, 1]);
    const crowd = busy(2, [0, 0, 0, 0]);
    expect(target(policyOf(), normal, host, crowd)).toBe(2);
    expect(target(policyOf({ priorities: false }), normal, host, crowd)).toBe(1);
  });

  it('gathers requests of high priority: for them headroom counts where none of their kind is', () => {
    const host = busy(1, [1, 1]);
    const crowd = busy(2, [0, 0]);
    expect(target(policyOf(), high, crowd, host)).toBe(1);
    // As in the authors' code whatever load the host has, as long as it is freer than others less the headroom: 8 blocks, and none.
    expect(target(policyOf(), high, busy(2, [0, 0, 0, 0, 0]), busy(1, [1, 1, 1, 1, 1, 1]))).toBe(1);
    expect(target(policyOf(), high, crowd, busy(1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]))).toBe(2);
    // An empty one is freer than any host.
    expect(target(policyOf(), high, groupView(2, 1), host)).toBe(2);
    // Without headroom they go where everybody goes.
    expect(target(policyOf({ headroomTargetTokens: 1e6 }), high, busy(1, [1, 1, 1]), crowd)).toBe(2);
    // What normal requests use beside them drives them apart only where there is too little for all.
    expect(target(policyOf(), high, crowd, busy(1, [1, 0, 0]))).toBe(1);
  });
});

describe('order', () => {
  const waiting = [
    requestView(1),
    requestView(2, { priority: 1 }),
    requestView(3),
    requestView(4, { priority: 1 }),
  ];

  it('puts higher priorities first and leaves the others as they came', () => {
    expect(policyOf().order?.(groupView(0, 1, { waiting }), clusterView([]))).toEqual([2, 4, 1, 3]);
  });

  it('says nothing about a queue in order', () => {
    const inOrder = [waiting[1]!, waiting[3]!, waiting[0]!, waiting[2]!];
    expect(policyOf().order?.(groupView(0, 1, { waiting: inOrder }), clusterView([]))).toBeUndefined();
  });

  it('is not asked for where priorities do not count', () => {
    expect(policyOf({ priorities: false })).not.toHaveProperty('order');
    expect(llumnixBase.create(llumnixBase.params.parse({}), twoClasses)).not.toHaveProperty('order');
    expect(llumnix.create(llumnix.params.parse({}), deps)).not.toHaveProperty('order');
    expect(policyOf()).toHaveProperty('order');
  });
});

describe('memory pressure', () => {
  const need = { requestId: asRequestId(100), blocks: 1 };
  const answer = (group: GroupView) => policyOf().onMemoryPressure?.(group, need, clusterView([group]));

  it('takes the last admitted of lower priority rather than the last of all', () => {
    expect(answer(busy(1, [0, 0, 1]))).toMatchObject([
      { kind: 'preempt', requestId: 101, mode: 'recompute' },
    ]);
  });

  it('leaves it to the next policy where the last admitted goes anyway', () => {
    expect(answer(busy(1, [1, 0, 0]))).toBeUndefined();
    expect(answer(busy(1, [1, 1]))).toBeUndefined();
    expect(answer(groupView(1, 1))).toBeUndefined();
  });

  it('waits for one that is in a step', () => {
    const group = groupView(1, 1, {
      running: [requestView(1, { isInFlight: true }), requestView(2, { priority: 1 })],
    });
    expect(answer(group)).toMatchObject([{ kind: 'wait' }]);
  });
});

describe('parameters', () => {
  it('refuse a group that both gives and takes', () => {
    const { error } = llumnix.params.safeParse({ sourceBelowSteps: 50, targetAboveSteps: 40 });
    expect(error?.issues[0]?.path).toEqual(['targetAboveSteps']);
  });

  it('without migration leave dispatch alone', () => {
    expect(Object.keys(llumnix.create(llumnix.params.parse({ migrate: false }), deps))).toEqual(['dispatch']);
    expect(policyOf({ checkMs: 2.5 }).tickUs).toBe(2500);
  });
});
